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
weights are best aligned: equal to their targets, they are optimal (docs/theory.md, T7).

Vectors lie along `axis`: −1, the rows of (K, d), or 0, the columns of (d, K), as those
of a Keras kernel do; what is said of rows holds for columns, too.
"""

from keras import ops

from keras_spa._types import Tensor
from keras_spa.whitening import Whitening as Whitening

PARALLEL = 1e-6  # a sine at or below this counts as equal or opposite directions


def _float(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def dot(u: Tensor, v: Tensor, metric: Tensor | None = None, axis: int = -1) -> Tensor:
    """Inner product of matching rows, `u·v` or `uᵀΣv`: (..., d), (..., d) -> (...,)."""
    u = _float(u)
    if metric is not None:
        metric = _float(metric)
        u = ops.matmul(metric, u) if axis == 0 else ops.matmul(u, metric)
    return ops.sum(u * _float(v), axis=axis)


def norm(v: Tensor, metric: Tensor | None = None, axis: int = -1) -> Tensor:
    """Length of each row, (..., d) -> (...,); its gradient at 0 is 0."""
    squared = dot(v, v, metric, axis)
    positive = squared > 1e-36
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def scaled(v: Tensor, factors: Tensor, axis: int = -1) -> Tensor:
    """Each row times its factor: (..., d), (...,) -> (..., d)."""
    return _float(v) * ops.expand_dims(factors, axis)


def inverse(length: Tensor) -> Tensor:
    """`1 / length`, and 1 for 0: zero rows stay as they are."""
    return 1 / ops.where(length > 0, length, 1.0)


def unit(v: Tensor, metric: Tensor | None = None, axis: int = -1) -> Tensor:
    """Rows scaled to length one: `v / ‖v‖`, and 0 stays 0.

    Args:
        v: Tensor (..., d), any float dtype.
        metric: Σ, tensor (d, d), or None for the Euclidean length.
        axis: Along which the vectors lie.

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
    return scaled(v, inverse(norm(v, metric, axis)), axis)


def cosine(
    u: Tensor, v: Tensor, metric: Tensor | None = None, axis: int = -1
) -> Tensor:
    """Cosine of the angle between matching rows, `⟨û, v̂⟩`; 0 where a row is 0."""
    scale = inverse(norm(u, metric, axis)) * inverse(norm(v, metric, axis))
    return dot(u, v, metric, axis) * scale


def angle(u: Tensor, v: Tensor, metric: Tensor | None = None, axis: int = -1) -> Tensor:
    """Angle between matching rows in radians, `2·atan2(‖û−v̂‖, ‖û+v̂‖)`.

    Unlike the arc cosine, this form keeps its digits near 0 and near π.
    """
    u, v = unit(u, metric, axis), unit(v, metric, axis)
    return 2 * ops.arctan2(norm(u - v, metric, axis), norm(u + v, metric, axis))


def tangent(
    g: Tensor, w: Tensor, metric: Tensor | None = None, axis: int = -1
) -> Tensor:
    """The part of each row of `g` perpendicular to that of `w`: `g − ⟨g, ŵ⟩ŵ`."""
    along = dot(g, w, metric, axis) * inverse(norm(w, metric, axis)) ** 2
    return _float(g) - scaled(w, along, axis)


def turning(
    w: Tensor, v: Tensor, metric: Tensor | None = None, axis: int = -1
) -> tuple[Tensor, Tensor, Tensor]:
    """Where `w` turns towards `v`, and the sine and cosine of the angle between them.

    Returns:
        `(away, sine, cosine)`: `away = v̂ − ⟨v̂, ŵ⟩ŵ` is perpendicular to `w`, float32
        (..., d), and `sine` (...,) its length. Where no such direction is defined, for
        equal or opposite directions (sine at most 1e-6) and zero rows, the sine is 0.
    """
    to_unit, length = inverse(norm(w, metric, axis)), norm(v, metric, axis)
    cosine = dot(w, v, metric, axis) * to_unit * inverse(length)
    away = scaled(v, inverse(length), axis) - scaled(w, cosine * to_unit, axis)
    sine = norm(away, metric, axis)
    defined = (sine > PARALLEL) & (norm(w, metric, axis) > 0)
    return away, ops.where(defined, sine, 0.0), cosine


def toward(
    w: Tensor, v: Tensor, metric: Tensor | None = None, axis: int = -1
) -> Tensor:
    """Unit direction in which `w` turns towards `v`: `unit(v̂ − ⟨v̂, ŵ⟩ŵ)`.

    It is perpendicular to `w`, and 0 where no such direction is defined: for equal
    or opposite directions (sine of the angle at most 1e-6) and for zero rows.
    """
    away, sine, _ = turning(w, v, metric, axis)
    return scaled(away, ops.where(sine > 0, inverse(sine), 0.0), axis)


def slerp(
    w: Tensor,
    v: Tensor,
    rate: Tensor | float,
    metric: Tensor | None = None,
    axis: int = -1,
) -> Tensor:
    """Turn each row of `w` by a share of its angle θ to `v`, keeping its length.

    Spherical linear interpolation,
    `‖w‖·(sin((1−a)θ)·ŵ + sin(aθ)·v̂)/sin θ`, evaluated in the equal form
    `cos(aθ)·w + sin(aθ)·‖w‖·toward(w, v)`, which needs no division by `sin θ`.

    Args:
        w: Tensor (..., d), the rows to turn.
        v: Tensor (..., d), where to turn them; only its directions count.
        rate: a, the share of the angle: 0 stays, 1 arrives. A number, or one a row.
        metric: Σ, tensor (d, d), for lengths and angles; None for Euclidean ones.
        axis: Along which the vectors lie.

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
    away, sine, cosine = turning(w, v, metric, axis)
    defined = sine > 0
    arc = _float(rate) * ops.arctan2(sine, ops.where(defined, cosine, 1.0))
    stay = ops.where(defined, ops.cos(arc), 1.0)
    turn = ops.sin(arc) * norm(w, metric, axis) * inverse(sine)
    return scaled(w, stay, axis) + scaled(away, ops.where(defined, turn, 0.0), axis)


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


def mean_over_seen(values: Tensor, seen: Tensor, axis: int = -1) -> Tensor:
    """Mean over the seen classes of `values` (K,) or (K, d); 0 if none is seen."""
    values, seen = _float(values), _float(seen)
    if len(values.shape) == 1:
        total = ops.sum(seen * values)
    else:
        total = ops.sum(scaled(values, seen, axis), axis=1 if axis == 0 else 0)
    return total / ops.maximum(ops.sum(seen), 1.0)


def centred(means: Tensor, seen: Tensor, axis: int = -1) -> Tensor:
    """Class means less the mean over the seen classes of them, float32 (K, d)."""
    centre = mean_over_seen(means, seen, axis)
    return _float(means) - ops.expand_dims(centre, 1 if axis == 0 else 0)


def mean_directions(
    means: Tensor, seen: Tensor, center: bool = True, axis: int = -1
) -> Tensor:
    """Directions of the class means, `μ̂_c`; 0 for classes never seen.

    `μ̂_c = unit(μ_c − mean over seen classes of μ)` if `center`, else `unit(μ_c)`.

    Args:
        means: Tensor (K, d), class means.
        seen: Tensor (K,), 1 for observed classes, 0 for others.
        center: Whether to subtract the mean of the seen classes' means first.
        axis: Along which the means lie.

    Returns:
        float32 tensor (K, d).
    """
    if center:
        means = centred(means, seen, axis)
    to_unit = inverse(norm(means, axis=axis))
    return scaled(means, ops.where(_float(seen) > 0, to_unit, 0.0), axis)
