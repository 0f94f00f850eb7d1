"""Directions and angles of the rows of a matrix: pure functions, no state.

Everything the package does to weights and class means is said in these few terms.
Rows run over the classes: `W` (K, d) classifier weights, `M` (K, d) class means,
`seen` (K,) with 1 for the classes that have been observed and 0 for the others.
All arithmetic is float32, whatever dtype comes in. A row is a zero row if its norm
is below 1e-18; components may be as large as 1e18.
"""

from keras import ops

from keras_spa._types import Tensor

PARALLEL = 1e-6  # a sine at or below this counts as equal or opposite directions


def _float(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Inner product of matching rows: (..., d), (..., d) -> (...,)."""
    return ops.sum(_float(u) * _float(v), axis=-1)


def norm(v: Tensor) -> Tensor:
    """Euclidean length of each row, (..., d) -> (...,); its gradient at 0 is 0."""
    squared = dot(v, v)
    positive = squared > 1e-36
    return ops.where(positive, ops.sqrt(ops.where(positive, squared, 1.0)), 0.0)


def unit(v: Tensor) -> Tensor:
    """Rows scaled to length one: `v / ‖v‖`, and 0 stays 0.

    Args:
        v: Tensor (..., d), any float dtype.

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
    length = norm(v)[..., None]
    return _float(v) / ops.where(length > 0, length, 1.0)


def cosine(u: Tensor, v: Tensor) -> Tensor:
    """Cosine of the angle between matching rows, `û·v̂`; 0 where a row is 0."""
    return dot(unit(u), unit(v))


def angle(u: Tensor, v: Tensor) -> Tensor:
    """Angle between matching rows in radians, `2·atan2(‖û−v̂‖, ‖û+v̂‖)`.

    Unlike the arc cosine, this form keeps its digits near 0 and near π.
    """
    u, v = unit(u), unit(v)
    return 2 * ops.arctan2(norm(u - v), norm(u + v))


def tangent(g: Tensor, w: Tensor) -> Tensor:
    """The part of each row of `g` perpendicular to that of `w`: `g − (g·ŵ)ŵ`."""
    w = unit(w)
    return _float(g) - dot(g, w)[..., None] * w


def toward(w: Tensor, v: Tensor) -> Tensor:
    """Unit direction in which `w` turns towards `v`: `unit(v̂ − (v̂·ŵ)ŵ)`.

    It is perpendicular to `w`, and 0 where no such direction is defined: for equal
    or opposite directions (sine of the angle at most 1e-6) and for zero rows.
    """
    direction = tangent(unit(v), w)
    defined = (norm(direction) > PARALLEL) & (norm(w) > 0)
    return ops.where(defined[..., None], unit(direction), 0.0)


def slerp(w: Tensor, v: Tensor, rate: Tensor) -> Tensor:
    """Turn each row of `w` by a share of its angle θ to `v`, keeping its length.

    Spherical linear interpolation,
    `‖w‖·(sin((1−a)θ)·ŵ + sin(aθ)·v̂)/sin θ`, evaluated in the equal form
    `cos(aθ)·w + sin(aθ)·‖w‖·toward(w, v)`, which needs no division by `sin θ`.

    Args:
        w: Tensor (..., d), the rows to turn.
        v: Tensor (..., d), where to turn them; only its directions count.
        rate: a, the share of the angle: 0 stays, 1 arrives. Number or scalar tensor.

    Returns:
        float32 tensor (..., d). Rows without a direction to turn in (zero, equal,
        opposite) are returned unchanged.

    Reference: Shoemake (1985), "Animating rotation with quaternion curves".

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa import geometry
    >>> turned = geometry.slerp(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]]), 0.5)
    >>> print(ops.convert_to_numpy(turned).round(3))
    [[1.414 1.414]]
    """
    w = _float(w)
    turn = toward(w, v)
    arc = (_float(rate) * angle(w, v))[..., None]
    turned = ops.cos(arc) * w + ops.sin(arc) * norm(w)[..., None] * turn
    return ops.where(norm(turn)[..., None] > 0, turned, w)


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
