from typing import Any

import keras
from keras import ops

from keras_spa._types import ClassCounts, Config, Labels, Tensor
from keras_spa.losses import _labels
from keras_spa.losses._counted import CountedLoss
from keras_spa.losses._logits import as_logits
from keras_spa.losses.effective_number import check_beta, effective_number_weights


@keras.saving.register_keras_serializable(package="keras_spa")
class ClassBalanced(CountedLoss):
    """Any loss, weighted by the effective number of images of the sample's class.

    `w_y·ℓ(y, z)` with `w_c ∝ (1−β) / (1−β^n_c)`, scaled so that the K weights sum to
    K. β = 0 weighs all classes alike; as β → 1 the weights become inverse to the
    counts. Soft labels take the weight by share: `Σ_c y_c·w_c`. The mean over a batch
    divides by its samples, B, and not by the sum of their weights, which on long-tailed
    data is several times smaller: `callbacks.DeferredReweighting` divides by that.

    Args:
        loss: ℓ, a Keras loss whose `call` returns one value a sample, such as
            `keras.losses.SparseCategoricalCrossentropy(from_logits=True)` for integer
            labels. Its own reduction is not used.
        class_counts: n, the training images of each class, K positive numbers.
        beta: β, in [0, 1). Defaults to 0.9999.
        reduction, name, dtype: as in every Keras loss.

    Attributes:
        weights: w, float32 tensor (K,).

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K), whichever
            `loss` takes.
        y_pred: what `loss` takes, (B, K).

    Raises:
        ValueError: `loss` not a Keras loss, or without one value a sample; counts
            that are not positive, or not as many as the logits; `beta` out of range;
            labels out of range (where their values are known).

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> loss = spa.losses.ClassBalanced(plain, class_counts=[900, 100])
    >>> [round(float(weight), 2) for weight in loss.weights]
    [0.21, 1.79]
    >>> print(round(float(loss(np.array([1]), np.zeros((1, 2)))), 2))  # 1.79·log 2
    1.24

    Reference: Cui et al. (CVPR 2019), "Class-Balanced Loss Based on Effective Number
    of Samples", section 4. Soft labels are ours.
    """

    def __init__(
        self,
        loss: keras.losses.Loss,
        class_counts: ClassCounts,
        beta: float = 0.9999,
        reduction: str | None = "sum_over_batch_size",
        name: str = "class_balanced",
        dtype: Any = None,
    ) -> None:
        super().__init__(class_counts, reduction, name, dtype)
        if not isinstance(loss, keras.losses.Loss):
            raise ValueError(
                "Argument `loss` must be a keras.losses.Loss, such as "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True). "
                f"Received: loss={loss!r}"
            )
        self.loss = loss
        self.beta = check_beta(beta)
        weights = effective_number_weights(class_counts, beta)
        self.weights = ops.convert_to_tensor(weights, "float32")

    def call(self, y_true: Labels, y_pred: Tensor) -> Tensor:
        weights = super().call(y_true, y_pred)
        logits = getattr(self.loss, "from_logits", False)
        losses = self.loss.call(y_true, as_logits(y_pred) if logits else y_pred)
        if len(losses.shape) != 1:
            raise ValueError(
                "Argument `loss` must be a loss whose `call` returns one value a "
                f"sample. Received: {self.loss!r}, which returned shape "
                f"{tuple(losses.shape)}"
            )
        return weights * losses

    def logits(self, y_pred: Tensor) -> Tensor:
        return y_pred  # what `loss` takes

    def per_sample(self, labels: Labels, logits: Tensor) -> Tensor:
        return _labels.class_values(ops.cast(self.weights, logits.dtype), labels)

    def get_config(self) -> Config:
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "beta": self.beta}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        loss = keras.saving.deserialize_keras_object(config["loss"])
        return cls(**{**config, "loss": loss})
