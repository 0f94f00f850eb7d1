from typing import Any

import keras

from keras_spa._types import ClassCounts, Config
from keras_spa.losses.logit_adjusted import LogitAdjusted


@keras.saving.register_keras_serializable(package="keras_spa")
class BalancedSoftmax(LogitAdjusted):
    """Cross-entropy of a softmax that knows how often each class was seen.

    `−log( n_y·exp(z_y) / Σ_c n_c·exp(z_c) )`: cross-entropy of `z + log n`. Trained
    so, the plain logits z suit a test set in which all classes are equally likely. It
    is `LogitAdjusted` with τ = 1, and `ARB` with the counts of the training set in
    place of the batch's.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        reduction, name, dtype: as in every Keras loss.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: logits (B, K).

    Raises:
        ValueError: counts that are not positive, or not as many as the logits; labels
            out of range (where their values are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.BalancedSoftmax(class_counts=[900, 100])
    >>> print(round(float(loss(np.array([1]), np.zeros((1, 2)))), 3))  # -log 0.1
    2.303

    Reference: Ren et al. (NeurIPS 2020), "Balanced Meta-Softmax for Long-Tailed
    Visual Recognition", equation 3.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        reduction: str | None = "sum_over_batch_size",
        name: str = "balanced_softmax",
        dtype: Any = None,
    ) -> None:
        super().__init__(class_counts, 1.0, reduction, name, dtype)

    def get_config(self) -> Config:
        config = super().get_config()
        del config["tau"]
        return config
