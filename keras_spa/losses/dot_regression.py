from typing import Any

import keras
from keras import ops

from keras_spa import _checks
from keras_spa._types import Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._checked import CheckedLoss
from keras_spa.losses._logits import nan_of_probabilities


@keras.saving.register_keras_serializable(package="keras_spa")
class DotRegression(CheckedLoss):
    """Draws each feature to the fixed classifier weight of its class, and no more.

    `(w_y·h − E)² / (2E)`, with E the dot product `w_y·h` of a feature that points
    where its class's weight points: `√(E_W·E_H)` in the paper, for squared lengths
    E_W and E_H of weights and features. Soft labels take the terms by share,
    `Σ_c y_c·(w_c·h − E)² / (2E)`. Unlike cross-entropy it has no term that drives
    features away from other classes' weights; with the weights fixed, as in
    `layers.ETFDense`, nothing else moves. On a learnt classifier it is no use: all
    weights can become equal.

    Args:
        energy: E, positive: the scale of the `ETFDense`. Defaults to 1, for cosines.
        reduction, name, dtype: as in every Keras loss.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: dot products `w_c·h` (B, K), the outputs of `layers.ETFDense(K)`.

    Raises:
        ValueError: `energy` not positive; `y_pred` of another shape; labels out of
            range (where their values are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.DotRegression(reduction=None)
    >>> cosines = np.array([[1.0, -1.0], [1.0, -1.0]])
    >>> [float(value) for value in loss(np.array([0, 1]), cosines)]
    [0.0, 2.0]

    Reference: Yang et al. (NeurIPS 2022), "Inducing Neural Collapse in Imbalanced
    Learning: Do We Really Need a Learnable Classifier at the End of Deep Neural
    Network?", the dot-regression loss of section 4. Soft labels are ours.
    """

    def __init__(
        self,
        energy: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dot_regression",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.energy = _checks.positive("energy", energy)

    def call(self, y_true: Labels, y_pred: Tensor) -> Tensor:
        if len(y_pred.shape) != 2:
            raise ValueError(
                "Argument `y_pred` must be dot products of shape (B, K). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        labels = _labels.standardize(y_true, y_pred)
        values = nan_of_probabilities(self._per_sample(labels, y_pred), y_pred)
        return _labels.nan_unless_valid(values, y_true, y_pred.shape[-1])

    def _per_sample(self, labels: Labels, dots: Tensor) -> Tensor:
        if len(labels.shape) == 2:
            return ops.sum(labels * self._terms(dots), axis=-1)
        own = ops.take_along_axis(dots, labels[:, None], axis=-1)
        return self._terms(own[:, 0])

    def _terms(self, dots: Tensor) -> Tensor:
        return ops.square(dots - self.energy) / (2 * self.energy)

    def get_config(self) -> Config:
        return {**super().get_config(), "energy": self.energy}
