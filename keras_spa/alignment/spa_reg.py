from typing import Any, Self

import keras
from keras import ops

from keras_spa import _checks, geometry
from keras_spa._types import Tensor
from keras_spa.alignment.base import NOISES, SMALLEST_SHRINKAGE, Alignment, with_noise
from keras_spa.class_statistics import ClassStatistics


@keras.saving.register_keras_serializable(package="keras_spa")
class SpAReg(Alignment, keras.regularizers.Regularizer):
    """SpA-Reg: a penalty on the angle between classifier weights and class means.

    `λ · mean over seen c of (1 − cos_Σ(w_c, m_c))`, between 0 (aligned) and 2λ
    (opposite), with m_c the centred class mean and, in the metric of the noise Σ,

    `cos_Σ(w, m) = w·m / √((wᵀΣw)(mᵀΣ⁻¹m))`.

    The paper's form, `SpAReg.paper()`, takes noise to be isotropic: Σ = I,
    `cos = ŵ_c·μ̂_c`.

    The gradient reaches the weights and, through the present batch's share of the
    running means, the features.

    Args:
        strength: λ. A negative number misaligns on purpose, as in the paper's
            Figure 1. Defaults to 0.1.
        center: Whether the directions μ̂_c are those of the centred class means (the
            mean over the seen classes subtracted). Defaults to True.
        gradient: Where the penalty's gradient flows: `"both"` (default),
            `"classifier"` (the means count as constants) or `"features"` (the weights
            do).
        class_means: A `ClassMeans` layer of the same model, for use as a
            `kernel_regularizer` outside `SpAModel`. The layer's stored means count
            as constants there, so only the classifier receives a gradient. Saving
            and loading keeps the two bound; `keras.models.clone_model` does not.
        noise: `"within_class"`: directions, cosines and lengths are those in the metric
            of the features' noise, their within-class covariance Σ, and the targets
            `Σ⁻¹m`; or `"isotropic"`, the paper's: Σ = I.
        shrinkage: α in [0.001, 1]: the noise is taken as `(1−α)Σ + α·tr(Σ)/d·I`.

    Raises:
        ValueError: `strength` not a finite number, unknown `gradient`, or
            `class_means` without classes, or together with `gradient="features"`.

    Example:

    >>> import keras
    >>> import keras_spa as spa
    >>> model = spa.SpAModel(
    ...     keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]),
    ...     keras.layers.Dense(3),
    ... )
    >>> model.add_loss(spa.SpAReg(0.1))  # the same as alignment=spa.SpAReg(0.1)

    As a regularizer in a model of your own, which passes features and labels through
    a `ClassMeans` layer:

    >>> means = spa.layers.ClassMeans(3)
    >>> head = keras.layers.Dense(3, kernel_regularizer=spa.SpAReg(class_means=means))

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters". The paper's
    text at hand gives no formula for it; this one is inferred from its figures.
    `gradient` is ours, and so is the metric of the noise (docs/theory.md, T7).
    """

    def __init__(
        self,
        strength: float = 0.1,
        center: bool = True,
        gradient: str = "both",
        class_means: keras.Layer | None = None,
        noise: str = "within_class",
        shrinkage: float = 0.1,
    ) -> None:
        self.strength = _checks.number("strength", strength)
        self.center = _checks.choice("center", center, (True, False))
        self.gradient = _checks.choice(
            "gradient", gradient, ("both", "classifier", "features")
        )
        if class_means is not None and gradient == "features":
            raise ValueError(
                "Argument `gradient` must be 'both' or 'classifier' with "
                "`class_means`, whose stored means pass no gradient on to the "
                "features. Received: gradient='features'"
            )
        if class_means is not None and not hasattr(class_means, "num_classes"):
            raise ValueError(
                "Argument `class_means` must be a keras_spa.layers.ClassMeans layer. "
                f"Received: class_means={class_means!r}"
            )
        self.class_means = class_means
        self.noise = _checks.choice("noise", noise, NOISES)
        self.shrinkage = _checks.number("shrinkage", shrinkage, SMALLEST_SHRINKAGE, 1)
        if class_means is not None and self.needs_covariance:
            class_means.keep_covariance()

    @classmethod
    def paper(cls, strength: float = 0.1, **kwargs: Any) -> Self:
        """The paper's form, in isotropic noise."""
        return cls(strength, **{"noise": "isotropic", **kwargs})

    def penalty(
        self, weights: Tensor, statistics: ClassStatistics, axis: int = -1
    ) -> Tensor:
        noise = self.noise, self.shrinkage
        aims = statistics.aims(self.center, *noise, axis)
        weights = statistics.rows("weights", weights, axis)
        if self.gradient == "classifier":
            aims = ops.stop_gradient(aims)
        elif self.gradient == "features":
            weights = ops.stop_gradient(weights)
        rows = statistics.whitening(*noise).weights(weights, axis)
        cosines = geometry.cosine(rows, aims, axis=axis)
        return self.strength * geometry.mean_over_seen(1 - cosines, statistics.seen)

    def __call__(self, kernel: Tensor) -> Tensor:
        """The penalty of a (d, K) kernel, as Keras calls a `kernel_regularizer`."""
        if self.class_means is None:
            raise ValueError(
                "Argument `class_means` is missing: as a kernel_regularizer, SpAReg "
                "needs SpAReg(..., class_means=a ClassMeans layer of the same model). "
                "In a SpAModel use alignment=SpAReg(...) instead. "
                "Received: class_means=None"
            )
        if not self.class_means.built:  # nothing seen yet: no penalty yet
            return ops.zeros(())
        tensors = map(ops.convert_to_tensor, self.class_means.statistics.tensors())
        statistics = ClassStatistics(*map(ops.stop_gradient, tensors))
        penalty = self.penalty(ops.transpose(kernel), statistics)
        return ops.cast(penalty, keras.config.floatx())  # Keras adds it to others

    def get_config(self) -> dict[str, Any]:
        return {
            "strength": self.strength,
            "center": self.center,
            "gradient": self.gradient,
            "class_means": self.class_means
            and keras.saving.serialize_keras_object(self.class_means),
            "noise": self.noise,
            "shrinkage": self.shrinkage,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        if config.get("class_means"):
            means = keras.saving.deserialize_keras_object(config["class_means"])
            config = {**config, "class_means": means}
        return cls(**with_noise(cls, config))
