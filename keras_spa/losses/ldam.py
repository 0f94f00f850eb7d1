from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._types import ClassCounts, Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._counted import CountedLoss


@keras.saving.register_keras_serializable(package="keras_spa")
class LDAM(CountedLoss):
    """Cross-entropy with a margin that is larger the rarer the class.

    `−log( exp(s·(z_y − m_y)) / (exp(s·(z_y − m_y)) + Σ_{c≠y} exp(s·z_c)) )`, with
    margins `m_c = m·(n_c / min n)^(−1/4)`: the rarest class has margin m. Soft labels
    take margin and cross-entropy by share: `−Σ_c y_c·log softmax(s·(z − y⊙m))_c`,
    which for one-hot labels is the formula above. With equal counts it is
    cross-entropy with one margin m for all; with m = 0, cross-entropy of s·z.

    The logits are to be cosines, as a margin says nothing about logits of any length:
    use `layers.CosineDense(K, scale=1)` as the classifier, the scale s is in the loss.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        max_margin: m, at least 0: the margin of the rarest class. Defaults to 0.5.
        scale: s, positive. Defaults to 30.
        reduction, name, dtype: as in every Keras loss.

    Attributes:
        margins: m_c, float32 tensor (K,).

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: cosines (B, K).

    Raises:
        ValueError: counts that are not positive, or not as many as the logits;
            `max_margin` or `scale` out of range; labels out of range (where their
            values are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.LDAM(class_counts=[1600, 100], scale=10)
    >>> [float(margin) for margin in loss.margins]
    [0.25, 0.5]
    >>> even = loss(np.array([1]), np.array([[0.5, 1.0]]))  # class 1 wins by its margin
    >>> print(round(float(even), 3))  # log 2
    0.693

    Reference: Cao et al. (NeurIPS 2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss", section 3.2; scale and largest margin as in
    the authors' code. Soft labels are ours.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        max_margin: float = 0.5,
        scale: float = 30.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "ldam",
        dtype: Any = None,
    ) -> None:
        super().__init__(class_counts, reduction, name, dtype)
        self.max_margin = _checks.number("max_margin", max_margin, 0)
        self.scale = _checks.positive("scale", scale)
        counts = np.asarray(self.class_counts, "float64")
        margins = self.max_margin * (counts / counts.min()) ** -0.25
        self.margins = ops.convert_to_tensor(margins, "float32")

    def per_sample(self, labels: Labels, logits: Tensor) -> Tensor:
        margins = ops.cast(self.scale * self.margins, logits.dtype)
        shares = _labels.shares(labels, logits)
        return _labels.cross_entropy(labels, self.scale * logits - margins * shares)

    def get_config(self) -> Config:
        config = {"max_margin": self.max_margin, "scale": self.scale}
        return {**super().get_config(), **config}
