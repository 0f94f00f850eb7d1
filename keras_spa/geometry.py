"""Directions and angles of the rows of a matrix: pure functions, no state.

Everything the package does to weights and class means is said in these few terms.
Rows run over the classes: `W` (K, d) classifier weights, `M` (K, d) class means,
`seen` (K,) with 1 for the classes that have been observed and 0 for the others.
All arithmetic is float32, whatever dtype comes in. A row is a zero row if its norm
is below 1e-18; components may be as large as 1e18.

With a `metric`, a symmetric positive definite matrix Σ (d, d), inner product and length
are `⟨u, v⟩ = uᵀΣv` and `‖v‖ = √(vᵀΣv)` instead of `u·v` and `√(v·v)`, and angles and
directions follow from them. With the covariance of the features' noise as Σ, and
targets `Σ⁻¹m` of centred class means m (`targets`), this is the geometry in which
aligned weights are optimal (docs/theory.md, T7).
"""

from typing import NamedTuple

from keras import ops

from keras_spa._types import Tensor

PARALLEL = 1e-6  # a sine at or below this counts as equal or opposite directions


def _float(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def dot(u: Tensor, v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Inner product of matching rows, `u·v` or `uᵀΣv`: (..., d), (..., d) -> (...,)."""
    u = _float(u)
    if metric is not None:
        u = ops.matmul(u, _float(metric))
    return ops.sum(u * _float(v), axis=-1)


def norm(v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Length of each row, (..., d) -> (...,); its gradient at 0 is 0."""
    squared = dot(v, v, metric)
    positive = squared > 1e-36
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def unit(v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Rows scaled to length one: `v / ‖v‖`, and 0 stays 0.

    Args:
        v: Tensor (..., d), any float dtype.
        metric: Σ, tensor (d, d), or None for the Euclidean length.

    Returns:
        float32 tensor (..., d). Neither it nor its gradient is NaN at 0.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa import geometry
    >>> v = np.array([[3.0, 4.0], [0.0, 0.0]])
    >>> print(ops.convert_to_numpy(geometry.unit(v)).round(3))
    [[0.6 0.8]
     [0.  0. ]]
    """
    length = norm(v, metric)[..., None]
    return _float(v) / ops.where(length > 0, length, 1.0)


def cosine(u: Tensor, v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Cosine of the angle between matching rows, `⟨û, v̂⟩`; 0 where a row is 0."""
    return dot(unit(u, metric), unit(v, metric), metric)


def angle(u: Tensor, v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Angle between matching rows in radians, `2·atan2(‖û−v̂‖, ‖û+v̂‖)`.

    Unlike the arc cosine, this form keeps its digits near 0 and near π.
    """
    u, v = unit(u, metric), unit(v, metric)
    return 2 * ops.arctan2(norm(u - v, metric), norm(u + v, metric))


def tangent(g: Tensor, w: Tensor, metric: Tensor | None = None) -> Tensor:
    """The part of each row of `g` perpendicular to that of `w`: `g − ⟨g, ŵ⟩ŵ`."""
    w = unit(w, metric)
    return _float(g) - dot(g, w, metric)[..., None] * w


def toward(w: Tensor, v: Tensor, metric: Tensor | None = None) -> Tensor:
    """Unit direction in which `w` turns towards `v`: `unit(v̂ − ⟨v̂, ŵ⟩ŵ)`.

    It is perpendicular to `w`, and 0 where no such direction is defined: for equal
    or opposite directions (sine of the angle at most 1e-6) and for zero rows.
    """
    direction = tangent(unit(v, metric), w, metric)
    defined = (norm(direction, metric) > PARALLEL) & (norm(w, metric) > 0)
    return ops.where(defined[..., None], unit(direction, metric), 0.0)


def slerp(
    w: Tensor, v: Tensor, rate: Tensor | float, metric: Tensor | None = None
) -> Tensor:
    """Turn each row of `w` by a share of its angle θ to `v`, keeping its length.

    Spherical linear interpolation,
    `‖w‖·(sin((1−a)θ)·ŵ + sin(aθ)·v̂)/sin θ`, evaluated in the equal form
    `cos(aθ)·w + sin(aθ)·‖w‖·toward(w, v)`, which needs no division by `sin θ`.

    Args:
        w: Tensor (..., d), the rows to turn.
        v: Tensor (..., d), where to turn them; only its directions count.
        rate: a, the share of the angle: 0 stays, 1 arrives. Number or scalar tensor.
        metric: Σ, tensor (d, d), for lengths and angles; None for Euclidean ones.

    Returns:
        float32 tensor (..., d). Rows without a direction to turn in (zero, equal,
        opposite) are returned unchanged.

    Reference: Shoemake (1985), "Animating rotation with quaternion curves". The metric
    is ours.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa import geometry
    >>> turned = geometry.slerp(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]]), 0.5)
    >>> print(ops.convert_to_numpy(turned).round(3))
    [[1.414 1.414]]
    """
    w = _float(w)
    turn = toward(w, v, metric)
    arc = (_float(rate) * angle(w, v, metric))[..., None]
    turned = ops.cos(arc) * w + ops.sin(arc) * norm(w, metric)[..., None] * turn
    return ops.where(norm(turn, metric)[..., None] > 0, turned, w)


def shrunk(covariance: Tensor, shrinkage: float) -> Tensor:
    """`(1−α)Σ + α·tr(Σ)/d·I`: positive definite for α > 0, isotropic for α = 1.

    Where Σ is 0, as before anything has been observed, or not finite, it is the
    identity.

    Args:
        covariance: Σ, tensor (d, d), symmetric, positive semi-definite.
        shrinkage: α, in [0, 1].

    Returns:
        float32 tensor (d, d).

    Reference: Ledoit and Wolf (2004), "A well-conditioned estimator for
    large-dimensional covariance matrices", for the form; α is a parameter here.
    """
    covariance = _float(covariance)
    dimension = covariance.shape[-1]
    identity = ops.eye(dimension, dtype="float32")
    mean = ops.trace(covariance) / dimension
    known = (mean > 0) & ops.isfinite(mean)
    mixed = (1 - shrinkage) * covariance + shrinkage * mean * identity
    return ops.where(known, mixed, identity)


def targets(means: Tensor, metric: Tensor) -> Tensor:
    """Where weights point that are aligned in a metric: `Σ⁻¹m_c`, float32 (K, d).

    `cosine(w, t, metric)` is then `w·m/√((wᵀΣw)(mᵀΣ⁻¹m))`.
    """
    solution = ops.solve(_float(metric), ops.transpose(_float(means)))
    return ops.transpose(solution)


def mean_over_seen(values: Tensor, seen: Tensor) -> Tensor:
    """Mean over the seen classes of `values` (K,) or (K, d); 0 if none is seen."""
    values, seen = _float(values), _float(seen)
    weights = seen if len(values.shape) == 1 else seen[:, None]
    return ops.sum(weights * values, axis=0) / ops.maximum(ops.sum(seen), 1.0)


def mean_directions(means: Tensor, seen: Tensor, center: bool = True) -> Tensor:
    """Directions of the class means, `μ̂_c`; 0 for classes never seen.

    `μ̂_c = unit(μ_c − mean over seen classes of μ)` if `center`, else `unit(μ_c)`.

    Args:
        means: Tensor (K, d), class means.
        seen: Tensor (K,), 1 for observed classes, 0 for others.
        center: Whether to subtract the mean of the seen classes' means first.

    Returns:
        float32 tensor (K, d).
    """
    means, seen = _float(means), _float(seen)
    if center:
        means = means - mean_over_seen(means, seen)
    return unit(ops.where(seen[:, None] > 0, means, 0.0))


class Whitening(NamedTuple):
    """Coordinates in which the noise is isotropic: features become `L⁻¹h`, Σ = LLᵀ.

    Weights become `Lᵀw`, so that logits stay: `(Lᵀw)·(L⁻¹h) = w·h`. Inner products of
    whitened weights are those in the metric of the noise, `(Lᵀu)·(Lᵀv) = uᵀΣv`, and a
    whitened mean is a whitened target, `L⁻¹m = Lᵀ(Σ⁻¹m)`: what is done to whitened rows
    with `metric=None` is done in the metric of the noise.

    Args:
        factor: L, float32 tensor (d, d), lower triangular, or None: noise is isotropic
            as it is, and nothing changes.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa import geometry
    >>> whitening = geometry.Whitening(np.diag([2.0, 1.0]))  # Σ = diag(4, 1)
    >>> means = whitening.means(np.array([[2.0, 3.0]]))
    >>> print(ops.convert_to_numpy(means).round(3))
    [[1. 3.]]
    >>> target = whitening.weights_back(means)  # Σ⁻¹m
    >>> print(ops.convert_to_numpy(target).round(3))
    [[0.5 3. ]]

    Reference: ours.
    """

    factor: Tensor | None

    def weights(self, w: Tensor) -> Tensor:
        """Rows `Lᵀw` (K, d) of weights, or of gradients by them."""
        return _float(w) if self.factor is None else ops.matmul(_float(w), self._lower)

    def means(self, m: Tensor) -> Tensor:
        """Rows `L⁻¹m` (K, d) of means or features."""
        if self.factor is None:
            return _float(m)
        rows = ops.solve_triangular(self._lower, ops.transpose(_float(m)), lower=True)
        return ops.transpose(rows)

    def weights_back(self, w: Tensor) -> Tensor:
        """The weights `L⁻ᵀw̃` (K, d) that whitened ones stand for."""
        if self.factor is None:
            return _float(w)
        upper, columns = ops.transpose(self._lower), ops.transpose(_float(w))
        return ops.transpose(ops.solve_triangular(upper, columns))

    @property
    def _lower(self) -> Tensor:
        return _float(self.factor)
