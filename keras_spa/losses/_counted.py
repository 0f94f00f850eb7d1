from typing import Any

from keras_spa import _checks
from keras_spa._types import ClassCounts, Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._checked import CheckedLoss
from keras_spa.losses._logits import as_logits


class CountedLoss(CheckedLoss):
    """Base of the losses that know how many training images each class has.

    Checks counts, logits and labels; a label that is none gives NaN. A subclass gives
    `per_sample(labels, logits)`: the values (B,) for logits (B, K) and labels that are
    int32 (B,) or soft (B, K).

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        reduction, name, dtype: as in every Keras loss.
    """

    def __init__(
        self, class_counts: ClassCounts, reduction: str | None, name: str, dtype: Any
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.class_counts = _checks.class_counts(class_counts)

    def per_sample(self, labels: Labels, logits: Tensor) -> Tensor:
        raise NotImplementedError

    def call(self, y_true: Labels, y_pred: Tensor) -> Tensor:
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != len(self.class_counts):
            raise ValueError(
                "Argument `y_pred` must hold one logit for each of the "
                f"{len(self.class_counts)} class counts. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        labels = _labels.standardize(y_true, y_pred)
        values = self.per_sample(labels, self.logits(y_pred))
        return _labels.nan_unless_valid(values, y_true, len(self.class_counts))

    def logits(self, y_pred: Tensor) -> Tensor:
        return as_logits(y_pred)

    def get_config(self) -> Config:
        return {**super().get_config(), "class_counts": self.class_counts}
