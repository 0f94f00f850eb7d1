from typing import Any

import keras
from keras import ops

from keras_spa import distribute
from keras_spa._types import Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._checked import CheckedLoss
from keras_spa.losses._logits import as_logits

ABSENT = -1e9  # the logarithm of no images


@keras.saving.register_keras_serializable(package="keras_spa")
class ARB(CheckedLoss):
    """Attraction-repulsion-balanced loss: a softmax that counts the batch's classes.

    `−log( exp(z_y) / Σ_c (n_c/n_y)·exp(z_c) )`, with n_c the images of class c in the
    batch: of soft labels, the sum of their shares of c. Classes that the batch lacks
    are left out. So the images of a class pull its classifier weight (attraction) as
    strongly as those of each other class push it off (repulsion), however many they
    are. With the counts of the whole training set instead, as its authors have it on
    large data sets, it is `BalancedSoftmax`: multiply numerator and denominator by n_y.

    Under `tf.distribute` the batch is the global one. Sample weights do not change the
    counts, and in evaluation each batch is counted, too: the loss of other batches is
    another.

    Args:
        reduction, name, dtype: as in every Keras loss.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: logits (B, K).

    Raises:
        ValueError: `y_pred` of another shape; labels out of range (where their values
            are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.ARB(reduction=None)
    >>> labels, logits = np.array([0, 0, 0, 1]), np.zeros((4, 3))
    >>> [round(float(value), 3) for value in loss(labels, logits)]  # log 4/3 and log 4
    [0.288, 0.288, 0.288, 1.386]

    Reference: Xie et al. (Neurocomputing 2023), "Neural Collapse Inspired
    Attraction-Repulsion-Balanced Loss for Imbalanced Learning", as in the authors' code
    (lilydedbb/ARBLOSS), which cuts logits off at ±30. Soft labels are there mixup's:
    with partners of the same batch their shares sum to the counts of the unmixed ones.
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "arb",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true: Labels, y_pred: Tensor) -> Tensor:
        if len(y_pred.shape) != 2:
            raise ValueError(
                "Argument `y_pred` must be logits of shape (B, K). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        labels = _labels.standardize(y_true, y_pred)
        shares = _labels.shares(labels, y_pred)
        counts = distribute.global_sum(ops.sum(shares, axis=0))
        seen = counts > 0
        prior = ops.where(seen, ops.log(ops.where(seen, counts, 1)), ABSENT)
        values = _labels.cross_entropy(labels, as_logits(y_pred) + prior)
        return _labels.nan_unless_valid(values, y_true, y_pred.shape[-1])
