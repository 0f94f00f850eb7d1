import functools
from typing import Any, Self

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from keras_spa import _checks, geometry
from keras_spa._types import Tensor
from keras_spa.alignment.base import (
    NOISES,
    SMALLEST_SHRINKAGE,
    Alignment,
    takes,
    with_noise,
)
from keras_spa.class_statistics import ClassStatistics


@keras.saving.register_keras_serializable(package="keras_spa")
class SpASLERP(Alignment):
    """SpA-SLERP: after each optimizer step, turn the weights towards the class means.

    For each seen class whose cosine with its target is at most the threshold, with θ
    the angle between the weight's direction ŵ_c and the target's t̂_c:

    `w_c ← ‖w_c‖ · (sin((1−a)θ)·ŵ_c + sin(aθ)·t̂_c) / sin θ`

    Angles and directions are those of the metric of the noise, `⟨a, b⟩ = aᵀΣb`, the
    length ‖w_c‖ is the plain one. The target is `Σ⁻¹m_c`, m_c the class mean, and
    biases follow so that the logits of the global mean μ_G stay:
    `b_c ← b_c + (w_c − w_c')·μ_G`. Else a turn would shift all boundaries where μ_G is
    far from 0, as after a ReLU. The paper's form, `SpASLERP.paper()`, takes noise to be
    isotropic (Σ = I), does not centre the means, and leaves the biases.

    Lengths stay; where the direction is undefined (θ near 0 or π, zero vectors) the
    weight stays.

    Args:
        rate: a, the share of the angle to turn each step, in [0, 1], or a
            `keras.optimizers.schedules.LearningRateSchedule` of the optimizer's
            iterations: `PiecewiseConstantDecay([n], [0.01, 0.0])` aligns in the first n
            steps only, and turns nothing after; `CosineRamp` begins gently. Defaults to
            0.01. At 1 the weight takes the direction of its target at once, and what
            training knew is lost.
        threshold: Classes whose cosine is above it are left alone, in [−1, 1].
            Defaults to 1: none is.
        center: Whether the class means are centred first. Defaults to True in the
            metric of the noise, and to False in isotropic noise.
        norm: `"keep"` (default) leaves each length as it is; `"equal"` gives all seen
            classes the mean of their lengths; `"noise"` leaves the length in the metric
            of the noise, `√(wᵀΣw)`. Σ is another at each step, and what stays in one is
            longer in the next: by `"noise"` weights lengthen, and while Σ is little
            known, in few or small batches beside d, they outgrow training.
        every: n, optimizer steps from one turn to the next, at least 1 (default). A
            turn then makes up for all of them, `a → 1 − (1−a)ⁿ`. In the metric of the
            noise a turn factorises Σ, (d, d): 10 makes it cheap for d in the thousands.
        noise: `"within_class"`: directions and cosines are those in the metric of the
            features' noise, their within-class covariance Σ, and the targets
            `Σ⁻¹m`; or `"isotropic"`, the paper's: Σ = I.
        shrinkage: α in [0.001, 1]: the noise is taken as `(1−α)Σ + α·tr(Σ)/d·I`.
        biases: `"follow"` (default) as above, or `"keep"`: they stay, the paper's.

    Raises:
        ValueError: `rate` or `threshold` out of range, unknown `norm` or `biases`.

    Example:

    >>> import keras
    >>> import keras_spa as spa
    >>> first_steps = keras.optimizers.schedules.PiecewiseConstantDecay
    >>> align = spa.SpASLERP(first_steps([1000], [0.01, 0.0]))
    >>> paper = spa.SpASLERP.paper(spa.CosineRamp(0.02, steps=10_000))

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters". The pairs
    (rate, threshold) known from unpublished drafts are (0.002, 0.95), (0.02, 0.95)
    and (0.2, 0.9), with un-centred means and the rate of `CosineRamp`.
    The metric of the noise, `norm="equal"` and `center=True` are ours (docs/theory.md,
    T7).
    """

    def __init__(
        self,
        rate: float | LearningRateSchedule = 0.01,
        threshold: float = 1.0,
        center: bool | None = None,
        norm: str = "keep",
        noise: str = "within_class",
        shrinkage: float = 0.1,
        every: int = 1,
        biases: str = "follow",
    ) -> None:
        if not isinstance(rate, LearningRateSchedule):
            rate = _checks.number("rate", rate, 0, 1)
        self.rate = rate
        self.threshold = _checks.number("threshold", threshold, -1, 1)
        self.every = _checks.integer("every", every, 1)
        self.norm = _checks.choice("norm", norm, ("keep", "equal", "noise"))
        self.noise = _checks.choice("noise", noise, NOISES)
        self.shrinkage = _checks.number("shrinkage", shrinkage, SMALLEST_SHRINKAGE, 1)
        self.biases = _checks.choice("biases", biases, ("follow", "keep"))
        if center is None:
            center = noise != "isotropic"
        self.center = _checks.choice("center", center, (True, False))

    @classmethod
    def paper(
        cls,
        rate: float | LearningRateSchedule = 0.02,
        threshold: float = 0.95,
        **kwargs: Any,
    ) -> Self:
        """The paper's form: isotropic noise, un-centred means, biases as they are."""
        kwargs = {"noise": "isotropic", "biases": "keep", **kwargs}
        return _made(cls, {"rate": rate, "threshold": threshold, **kwargs})

    def update_weights(
        self,
        weights: Tensor,
        statistics: ClassStatistics,
        step: Tensor,
        axis: int = -1,
    ) -> Tensor:
        weights = statistics.rows("weights", weights, axis)
        rate, due = self.rate, []
        if self.every > 1:
            due.append(ops.equal(ops.cast(step, "int32") % self.every, 0))
        if isinstance(rate, LearningRateSchedule):
            rate = rate(step)
            if self.norm != "equal":  # which holds at rate 0, too
                due.append(ops.any(ops.greater(rate, 0)))
        if not due:
            return self._turned(weights, statistics, rate, axis)
        # What is computed within a branch must not be kept for later.
        own = ClassStatistics(*statistics.tensors())
        return ops.cond(
            functools.reduce(ops.logical_and, due),
            lambda: self._turned(weights, own, rate, axis),
            lambda: weights,
        )

    def _turned(
        self,
        weights: Tensor,
        statistics: ClassStatistics,
        rate: Tensor | float,
        axis: int,
    ) -> Tensor:
        seen = ops.cast(statistics.seen, "float32")
        if self.every > 1:
            rate = 1 - (1 - rate) ** self.every
        noise = self.noise, self.shrinkage
        whitening = statistics.whitening(*noise)
        rows = whitening.weights(weights, axis)
        aims = statistics.aims(self.center, *noise, axis)
        cosines = geometry.cosine(rows, aims, axis=axis)
        rates = ops.where((seen > 0) & (cosines <= self.threshold), rate, 0.0)
        turned = geometry.slerp(rows, aims, rates, axis=axis)
        if self.noise == "isotropic" and self.norm != "equal":
            return turned  # with the length that it had; the others are as they were
        moved = ops.any(turned != rows, axis=axis)
        turned = whitening.weights_back(turned, axis)
        lengths = geometry.norm(weights, axis=axis)
        if self.norm == "equal":
            lengths, moved = geometry.mean_over_seen(lengths, seen), seen > 0
        if self.norm != "noise":
            turned = geometry.unit(turned, axis=axis)
            turned = geometry.scaled(turned, lengths * ops.ones_like(seen), axis)
        return ops.where(ops.expand_dims(moved, axis), turned, weights)

    def update_biases(
        self,
        biases: Tensor,
        before: Tensor,
        after: Tensor,
        statistics: ClassStatistics,
        axis: int = -1,
    ) -> Tensor:
        """`b_c + (w_c − w_c')·μ_G`: the logits of the global mean stay as they were.

        With `biases="keep"`, as in the paper's form, they stay.
        """
        if self.biases == "keep":
            return biases
        centre = ops.expand_dims(statistics.centre(), 1 if axis == 0 else 0)
        turned = ops.cast(before, "float32") - ops.cast(after, "float32")
        return ops.cast(biases, "float32") + geometry.dot(turned, centre, axis=axis)

    def get_config(self) -> dict[str, Any]:
        rate = self.rate
        return {
            "rate": keras.saving.serialize_keras_object(rate)
            if isinstance(rate, LearningRateSchedule)
            else rate,
            "threshold": self.threshold,
            "center": self.center,
            "norm": self.norm,
            "noise": self.noise,
            "shrinkage": self.shrinkage,
            "every": self.every,
            "biases": self.biases,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        if isinstance(config["rate"], dict):
            rate = keras.saving.deserialize_keras_object(config["rate"])
            config = {**config, "rate": rate}
        config = with_noise(cls, config)
        if config.get("noise") == "isotropic":  # as it was before it could be chosen
            config = {"biases": "keep", **config}
        return _made(cls, config)


def _made(cls: type[SpASLERP], config: dict[str, Any]) -> Any:
    """An instance, of a subclass too whose constructor knows nothing of biases."""
    if "biases" not in config or takes(cls, "biases"):
        return cls(**config)
    made = cls(**{name: one for name, one in config.items() if name != "biases"})
    made.biases = config["biases"]
    return made
