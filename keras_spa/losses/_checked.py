from typing import Any

import keras

from keras_spa import _arrays
from keras_spa._types import Tensor


class CheckedLoss(keras.losses.Loss):
    """Base of the losses: arrays of numbers, or an error that names the argument."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        y_true = _arrays.tensor("y_true", y_true)
        y_pred = _arrays.tensor("y_pred", y_pred)
        if sample_weight is not None:
            sample_weight = _arrays.sample_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)
