import keras
import numpy as np
from keras import ops

from keras_spa import _checks


@keras.saving.register_keras_serializable(package="keras_spa")
class BalancedSoftmax(keras.losses.Loss):
    """Cross-entropy of a softmax that knows how often each class was seen.

    `−log( n_y·exp(z_y) / Σ_c n_c·exp(z_c) )`: cross-entropy of `z + log n`. Trained
    so, the plain logits z suit a test set in which all classes are equally likely.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        reduction, name, dtype: as in every Keras loss.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: logits (B, K).

    Raises:
        ValueError: counts that are not positive, or not as many as the logits.

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
        class_counts,
        reduction="sum_over_batch_size",
        name="balanced_softmax",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.class_counts = _checks.class_counts(class_counts)

    def call(self, y_true, y_pred):
        if y_pred.shape[-1] != len(self.class_counts):
            raise ValueError(
                "Argument `y_pred` must hold one logit for each of the "
                f"{len(self.class_counts)} class counts. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        log_prior = np.log(self.class_counts) - np.log(np.sum(self.class_counts))
        logits = y_pred + ops.cast(log_prior, y_pred.dtype)
        if _checks.label_shape(y_true, len(self.class_counts)) == "soft":
            return ops.categorical_crossentropy(y_true, logits, from_logits=True)
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    def get_config(self):
        return {**super().get_config(), "class_counts": self.class_counts}
