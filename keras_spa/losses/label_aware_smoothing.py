from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._types import Array, ClassCounts, Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._counted import CountedLoss

# The share of the way from ε_tail to ε_head, by the share t of the way from the
# smallest to the largest count.
SHAPES = {
    "concave": lambda t: np.sin(t * np.pi / 2),
    "linear": lambda t: t,
    "convex": lambda t: 1 - np.cos(t * np.pi / 2),
}


@keras.saving.register_keras_serializable(package="keras_spa")
class LabelAwareSmoothing(CountedLoss):
    """Cross-entropy with labels that are smoothed more the more frequent the class.

    `−Σ_c q_c·log softmax(z)_c` with `q = (1−ε_y)·onehot(y) + ε_y/K`. A model is most
    overconfident of the classes it saw most, so ε falls from ε_head for the largest
    count to ε_tail for the smallest, `ε_c = ε_tail + (ε_head − ε_tail)·f(t_c)` with
    `t_c = (n_c − min n)/(max n − min n)` and

    - `"concave"`: `f(t) = sin(πt/2)`,
    - `"linear"`: `f(t) = t`,
    - `"convex"`: `f(t) = 1 + sin(3π/2 + πt/2) = 1 − cos(πt/2)`.

    Soft labels take the values by share, `Σ_c y_c·ℓ(c, z)`. With ε_head = ε_tail it is
    Keras' label smoothing, with both 0 cross-entropy. Made for the second stage:
    `trained.retrain_head(model, train, loss=LabelAwareSmoothing(counts))`.

    Args:
        class_counts: n, the training images of each class, K positive numbers. If all
            are equal, all are smoothed by ε_head.
        smooth_head: ε_head, in [0, 1]. Defaults to 0.3.
        smooth_tail: ε_tail, in [0, 1]. Defaults to 0.
        shape: `"concave"` (default), `"linear"` or `"convex"`.
        reduction, name, dtype: as in every Keras loss.

    Attributes:
        smoothing: ε_c, float32 tensor (K,).

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        y_pred: logits (B, K).

    Raises:
        ValueError: counts that are not positive, or not as many as the logits;
            `smooth_head` or `smooth_tail` out of range; unknown `shape`; labels out of
            range (where their values are known).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> loss = spa.losses.LabelAwareSmoothing([900, 500, 100], 0.4, 0.1, "linear")
    >>> [round(float(smoothing), 2) for smoothing in loss.smoothing]
    [0.4, 0.25, 0.1]
    >>> print(round(float(loss(np.array([1]), np.zeros((1, 3)))), 3))  # log 3
    1.099

    Reference: Zhong et al. (CVPR 2021), "Improving Calibration for Long-Tailed
    Recognition" (MiSLAS), section 3.2, with the defaults of its CIFAR-10-LT (0.4 and
    0.1 on CIFAR-100-LT, imbalance factor 100). The paper's equation gives ε_y to the
    other K−1 classes alone, the released code, as here, to all K: its ε is the
    equation's times K/(K−1). Soft labels are ours.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        smooth_head: float = 0.3,
        smooth_tail: float = 0.0,
        shape: str = "concave",
        reduction: str | None = "sum_over_batch_size",
        name: str = "label_aware_smoothing",
        dtype: Any = None,
    ) -> None:
        super().__init__(class_counts, reduction, name, dtype)
        self.smooth_head = _checks.number("smooth_head", smooth_head, 0, 1)
        self.smooth_tail = _checks.number("smooth_tail", smooth_tail, 0, 1)
        self.shape = _checks.choice("shape", shape, tuple(SHAPES))
        way = SHAPES[self.shape](_between_extremes(self.class_counts))
        smoothing = self.smooth_tail + (self.smooth_head - self.smooth_tail) * way
        self.smoothing = ops.convert_to_tensor(smoothing, "float32")

    def per_sample(self, labels: Labels, logits: Tensor) -> Tensor:
        shares = _labels.shares(labels, logits)
        smoothed = shares * ops.cast(self.smoothing, logits.dtype)
        spread = ops.mean(smoothed, axis=-1, keepdims=True)
        return _labels.cross_entropy(shares - smoothed + spread, logits)

    def get_config(self) -> Config:
        config = {
            "smooth_head": self.smooth_head,
            "smooth_tail": self.smooth_tail,
            "shape": self.shape,
        }
        return {**super().get_config(), **config}


def _between_extremes(class_counts: ClassCounts) -> Array:
    """0 for the smallest count, 1 for the largest; 1 for all if they are equal."""
    counts = np.asarray(class_counts, "float64")
    rise = counts.max() - counts.min()
    return (counts - counts.min()) / rise if rise else np.ones_like(counts)
