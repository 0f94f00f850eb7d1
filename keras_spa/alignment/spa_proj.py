from typing import Any, Self

import keras
from keras import ops

from keras_spa import _checks, geometry
from keras_spa._types import Tensor
from keras_spa.alignment.base import NOISES, SMALLEST_SHRINKAGE, Alignment, with_noise
from keras_spa.class_statistics import ClassStatistics


@keras.saving.register_keras_serializable(package="keras_spa")
class SpAProj(Alignment):
    """SpA-Proj: keep the classifier's gradient from turning weights off their means.

    For each seen class, with g the gradient row:

    `g_t = g − (g·ŵ)ŵ`, the part that turns the weight,
    `d = unit(μ̂ − (μ̂·ŵ)ŵ)`, the direction that turns it towards its mean.

    If `g_t·d > 0`, a descent step would turn the weight away from its mean, and that
    component goes: `g_t ← g_t − (g_t·d)d`. The new gradient is `(1−γ)·g_t + γ·g`.
    Momentum, weight decay and clipping act afterwards.

    Products, lengths and directions are those of the metric of the noise,
    `⟨a, b⟩ = aᵀΣb`, with the target `Σ⁻¹m_c` in place of the mean's direction; the
    paper's form, `SpAProj.paper()`, takes noise to be isotropic: Σ = I.

    Args:
        gamma: γ, the share of the original gradient that is kept, in [0, 1]: 1 changes
            nothing, 0 removes all of the length-changing and the away-turning
            parts. Defaults to 0.6.
        center: Whether the directions μ̂_c are those of the centred class means.
            Defaults to True.
        noise: `"within_class"`: directions, cosines and lengths are those in the metric
            of the features' noise, their within-class covariance Σ, and the targets
            `Σ⁻¹m`; or `"isotropic"`, the paper's: Σ = I.
        shrinkage: α in [0.001, 1]: the noise is taken as `(1−α)Σ + α·tr(Σ)/d·I`.

    Raises:
        ValueError: `gamma` out of range.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> w, mean = np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]])
    >>> statistics = spa.ClassStatistics(mean, seen=np.ones(1))
    >>> gradient = np.array([[1.0, 1.0, 1.0]])  # descent would turn w away from mean
    >>> align = spa.SpAProj.paper(gamma=0.0, center=False)
    >>> projected = align.project_gradient(gradient, w, statistics)
    >>> print(ops.convert_to_numpy(projected).tolist())
    [[0.0, 0.0, 1.0]]

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters", with the
    settings of the authors' released code (γ = 0.6, centred means). The metric of the
    noise is ours (docs/theory.md, T7).
    """

    def __init__(
        self,
        gamma: float = 0.6,
        center: bool = True,
        noise: str = "within_class",
        shrinkage: float = 0.1,
    ) -> None:
        self.gamma = _checks.number("gamma", gamma, 0, 1)
        self.center = _checks.choice("center", center, (True, False))
        self.noise = _checks.choice("noise", noise, NOISES)
        self.shrinkage = _checks.number("shrinkage", shrinkage, SMALLEST_SHRINKAGE, 1)

    @classmethod
    def paper(cls, gamma: float = 0.6, **kwargs: Any) -> Self:
        """The form of the authors' released code, in isotropic noise."""
        return cls(gamma, **{"noise": "isotropic", **kwargs})

    def project_gradient(
        self,
        gradient: Tensor,
        weights: Tensor,
        statistics: ClassStatistics,
        axis: int = -1,
    ) -> Tensor:
        gradient = statistics.rows("gradient", gradient, axis)
        weights = statistics.rows("weights", weights, axis)
        noise = self.noise, self.shrinkage
        whitening = statistics.whitening(*noise)
        aims = statistics.aims(self.center, *noise, axis)
        rows = whitening.weights(weights, axis)
        away, sine, _ = geometry.turning(rows, aims, axis=axis)
        steps = whitening.weights(gradient, axis)
        # What goes of it: shares of the weight and of the way to its mean, which are
        # perpendicular to each other.
        to_unit = geometry.inverse(geometry.norm(rows, axis=axis))
        along = geometry.dot(steps, rows, axis=axis) * to_unit**2
        turn = geometry.dot(steps, away, axis=axis) * geometry.inverse(sine) ** 2
        turn = ops.where(sine > 0, ops.maximum(turn, 0.0), 0.0)
        seen = ops.cast(statistics.seen, "float32") > 0
        gone = (1 - self.gamma) * ops.cast(seen, "float32")
        removed = geometry.scaled(rows, gone * along, axis)
        removed = removed + geometry.scaled(away, gone * turn, axis)
        return gradient - whitening.weights_back(removed, axis)

    def get_config(self) -> dict[str, Any]:
        return {
            "gamma": self.gamma,
            "center": self.center,
            "noise": self.noise,
            "shrinkage": self.shrinkage,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**with_noise(cls, config))
