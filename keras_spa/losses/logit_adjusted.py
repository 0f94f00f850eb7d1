from typing import Any

import keras
from keras import ops

from keras_spa import _arrays, _checks
from keras_spa._types import ClassCounts, Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._counted import CountedLoss
from keras_spa.losses._logits import as_logits
from keras_spa.losses.prior import log_prior


def adjust_logits(
    logits: Tensor, class_counts: ClassCounts, tau: float = 1.0
) -> Tensor:
    """Logits of a trained model, adjusted to classes that are equally likely.

    `z_c − τ·log π_c` with `π_c = n_c / Σ n`. This is for models trained with plain
    cross-entropy; those trained with `LogitAdjusted` need no adjustment.

    Args:
        logits: z, float tensor (..., K).
        class_counts: n, the training images of each class, K positive numbers.
        tau: τ, at least 0: 0 leaves the logits as they are. Defaults to 1.

    Returns:
        Tensor (..., K), float32 at least.

    Raises:
        ValueError: counts that are not positive, or not as many as the logits;
            negative `tau`.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> logits = np.log([[0.9, 0.1]])
    >>> adjusted = spa.losses.adjust_logits(logits, class_counts=[900, 100])
    >>> print(ops.convert_to_numpy(ops.softmax(adjusted)).round(3))
    [[0.5 0.5]]

    Reference: Menon et al. (ICLR 2021), "Long-Tail Learning via Logit Adjustment",
    equation 9.
    """
    logits = _arrays.tensor("logits", logits)
    prior = (_checks.number("tau", tau, 0) * log_prior(class_counts)).astype("float32")
    if not len(logits.shape) or logits.shape[-1] != len(prior):
        raise ValueError(
            f"Argument `logits` must hold one logit for each of the {len(prior)} class "
            f"counts. Received: logits.shape={tuple(logits.shape)}"
        )
    if len(logits.shape) == 2:
        logits = as_logits(logits)
    return ops.subtract(logits, prior)


@keras.saving.register_keras_serializable(package="keras_spa")
class LogitAdjusted(CountedLoss):
    """Cross-entropy of logits that are raised by the classes' log shares.

    `−log( exp(z_y + τ·log π_y) / Σ_c exp(z_c + τ·log π_c) )` with `π_c = n_c / Σ n`.
    Where it is least, `softmax(z)_c ∝ P(c | x) / π_c^τ`: at τ = 1 the plain logits z
    suit a test set in which all classes are equally likely. τ = 1 is
    `BalancedSoftmax`, τ = 0 is cross-entropy, as are equal counts with any τ.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        tau: τ, at least 0. Defaults to 1.
        reduction, name, dtype: as in every Keras loss.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: logits (B, K).

    Raises:
        ValueError: counts that are not positive, or not as many as the logits;
            negative `tau`; labels out of range (where their values are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.LogitAdjusted(class_counts=[900, 100], tau=0.5)
    >>> print(round(float(loss(np.array([1]), np.zeros((1, 2)))), 3))  # log(1 + √9)
    1.386

    Reference: Menon et al. (ICLR 2021), "Long-Tail Learning via Logit Adjustment",
    equation 10.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        tau: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "logit_adjusted",
        dtype: Any = None,
    ) -> None:
        super().__init__(class_counts, reduction, name, dtype)
        self.tau = _checks.number("tau", tau, 0)
        prior = (self.tau * log_prior(class_counts)).astype("float32")
        self._prior = ops.convert_to_tensor(prior)

    def per_sample(self, labels: Labels, logits: Tensor) -> Tensor:
        adjusted = logits + ops.cast(self._prior, logits.dtype)
        return _labels.cross_entropy(labels, adjusted)

    def get_config(self) -> Config:
        return {**super().get_config(), "tau": self.tau}
