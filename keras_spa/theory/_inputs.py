"""Checks shared by the functions of `theory`: float64 arrays, or a clear ValueError."""

import numpy as np
import scipy

from keras_spa import _arrays
from keras_spa._types import Array

LARGEST = 1e100  # so that squares and products stay finite in float64


def _numbers(name: str, value: Array, shape: str) -> Array:
    array = _arrays.array(name, value, shape)
    if array.dtype.kind == "b":
        raise ValueError(
            f"Argument `{name}` must be an array {shape} of real numbers. "
            f"Received: {name}.dtype={array.dtype}"
        )
    return array.astype(np.float64)


def _finite(name: str, array: Array) -> Array:
    wrong = ~(np.abs(array) <= LARGEST)
    rows = np.flatnonzero(wrong.reshape(len(array), -1).any(axis=1))
    if rows.size:
        more = ", ..." if rows.size > 5 else ""
        raise ValueError(
            f"Argument `{name}` must be finite, of magnitudes up to {LARGEST:g}. "
            f"Received other values for {rows.size} of {len(array)} classes: "
            f"{', '.join(map(str, rows[:5]))}{more}"
        )
    return array


def rows(name: str, value: Array) -> Array:
    """`value` as float64 (K, d), if it is one finite row for each of K >= 2 classes."""
    array = _numbers(name, value, "(K, d)")
    if array.ndim != 2 or array.shape[0] < 2 or array.shape[1] < 1:
        raise ValueError(
            f"Argument `{name}` must have shape (K, d), one row for each of at least "
            f"2 classes. Received: {name}.shape={array.shape}"
        )
    return _finite(name, array)


def cholesky(covariance: Array, dimension: int) -> Array:
    """L (d, d), lower triangular, `LLᵀ = covariance`, if it is positive definite."""
    array = _numbers("covariance", covariance, "(d, d)")
    if array.shape != (dimension, dimension):
        raise ValueError(
            f"Argument `covariance` must have shape ({dimension}, {dimension}), d "
            f"being that of the means. Received: covariance.shape={array.shape}"
        )
    _finite("covariance", array)
    largest = np.abs(array).max()
    if not np.allclose(array, array.T, rtol=0, atol=1e-6 * largest):
        raise ValueError(
            "Argument `covariance` must be symmetric. Received: entries that differ "
            f"from their mirror images by up to {np.abs(array - array.T).max():.3g}"
        )
    symmetric = (array + array.T) / 2
    try:
        factor = np.linalg.cholesky(symmetric)
        pivots = np.diag(factor) ** 2
    except np.linalg.LinAlgError:
        pivots = np.zeros(1)
    rounding = len(array) * np.finfo("float64").eps * np.diag(symmetric).max()
    if not pivots.min() > rounding:
        raise ValueError(
            "Argument `covariance` must be positive definite: shrink that of few "
            "features towards the identity first (keras_spa.geometry.shrunk). "
            f"Received: smallest eigenvalue {np.linalg.eigvalsh(symmetric).min():.3g}"
        )
    return factor


def whitened_means(means: Array, covariance: Array | None) -> Array:
    """The means of features whose noise is isotropic, `L⁻¹μ_c`: float64 (K, d)."""
    means = rows("means", means)
    if covariance is None:
        return means
    factor = cholesky(covariance, means.shape[1])
    return scipy.linalg.solve_triangular(factor, means.T, lower=True).T


def classifier(
    weights: Array,
    means: Array,
    biases: Array | None,
    covariance: Array | None = None,
) -> tuple[Array, Array, Array]:
    """The three as float64 (K, d), (K, d) and (K,); biases of None are zeros.

    With a covariance, weights `Lᵀw_c` and means `L⁻¹μ_c` of features whose noise is
    isotropic: scores stay as they are.
    """
    weights, means = rows("weights", weights), rows("means", means)
    if weights.shape != means.shape:
        raise ValueError(
            "Arguments `weights` and `means` must have the same shape (K, d). "
            f"Received: weights.shape={weights.shape}, means.shape={means.shape}"
        )
    if covariance is not None:
        factor = cholesky(covariance, means.shape[1])
        weights = weights @ factor
        means = scipy.linalg.solve_triangular(factor, means.T, lower=True).T
    if biases is None:
        return weights, means, np.zeros(len(weights))
    biases = _numbers("biases", biases, "(K,)")
    if biases.shape != (len(weights),):
        raise ValueError(
            f"Argument `biases` must have shape ({len(weights)},), one bias for each "
            f"class. Received: biases.shape={biases.shape}"
        )
    return weights, means, _finite("biases", biases)
