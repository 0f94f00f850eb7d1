from typing import Any

import keras

from keras_spa import _arrays
from keras_spa._types import Tensor
from keras_spa.losses._logits import rounded_probabilities


class CheckedLoss(keras.losses.Loss):
    """Base of the losses: arrays of numbers, or an error that names the argument.

    Computes in float32, or float64: 16 bits hold no labels beyond 256 (bfloat16) or
    2,048 (float16), and not the formulas' numbers.
    """

    def __init__(self, name: str, reduction: str | None, dtype: Any) -> None:
        if dtype is None:
            wide = keras.config.floatx() == "float64"
            dtype = "float64" if wide else "float32"
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                "Argument `dtype` must be float32 or float64, or a policy that "
                "computes in one of them; `y_pred` may be of any dtype. "
                f"Received: dtype={dtype!r}"
            )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        y_true = _arrays.tensor("y_true", y_true)
        y_pred = rounded_probabilities(_arrays.tensor("y_pred", y_pred))
        if sample_weight is not None:
            sample_weight = _arrays.sample_weights(sample_weight, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)
