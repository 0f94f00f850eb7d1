"""Coordinates in which the noise of the features is the same in all directions."""

from typing import NamedTuple

from keras import ops

from keras_spa._types import Tensor


def _float(x: Tensor) -> Tensor:
    return ops.cast(x, "float32")


class Whitening(NamedTuple):
    """Coordinates in which the noise is isotropic: features become `L⁻¹h`, Σ = LLᵀ.

    Weights become `Lᵀw`, so that logits stay: `(Lᵀw)·(L⁻¹h) = w·h`. Inner products of
    whitened weights are those in the metric of the noise, `(Lᵀu)·(Lᵀv) = uᵀΣv`, and a
    whitened mean is a whitened target, `L⁻¹m = Lᵀ(Σ⁻¹m)`: what is done to whitened rows
    with `metric=None` is done in the metric of the noise.

    Rows become columns (d, K) with `axis=0`.

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

    def weights(self, w: Tensor, axis: int = -1) -> Tensor:
        """Rows `Lᵀw` (K, d) of weights, or of gradients by them."""
        if self.factor is None:
            return _float(w)
        if axis == 0:
            return ops.matmul(ops.transpose(self._lower), _float(w))
        return ops.matmul(_float(w), self._lower)

    def means(self, m: Tensor, axis: int = -1) -> Tensor:
        """Rows `L⁻¹m` (K, d) of means or features."""
        if self.factor is None:
            return _float(m)
        return _solved(self._lower, _float(m), axis, lower=True)

    def weights_back(self, w: Tensor, axis: int = -1) -> Tensor:
        """The weights `L⁻ᵀw̃` (K, d) that whitened ones stand for."""
        if self.factor is None:
            return _float(w)
        return _solved(ops.transpose(self._lower), _float(w), axis)

    @property
    def _lower(self) -> Tensor:
        return _float(self.factor)


def _solved(a: Tensor, b: Tensor, axis: int, lower: bool = False) -> Tensor:
    """`a⁻¹b` of each row of b (axis −1) or column (axis 0), a being triangular."""
    if axis == 0:
        return ops.solve_triangular(a, b, lower=lower)
    return ops.transpose(ops.solve_triangular(a, ops.transpose(b), lower=lower))
