"""Checks shared by the functions of `theory`: float64 arrays, or a clear ValueError."""

import numpy as np

from keras_spa._types import Array

LARGEST = 1e100  # so that squares and products stay finite in float64


def _numbers(name: str, value: Array, shape: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:  # rows of unequal lengths
        raise ValueError(
            f"Argument `{name}` must be an array {shape}. Received: {name}={value!r}"
        ) from None
    if array.dtype.kind not in "iuf" and array.dtype.name != "bfloat16":
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


def classifier(
    weights: Array, means: Array, biases: Array | None
) -> tuple[Array, Array, Array]:
    """The three as float64 (K, d), (K, d) and (K,); biases of None are zeros."""
    weights, means = rows("weights", weights), rows("means", means)
    if weights.shape != means.shape:
        raise ValueError(
            "Arguments `weights` and `means` must have the same shape (K, d). "
            f"Received: weights.shape={weights.shape}, means.shape={means.shape}"
        )
    if biases is None:
        return weights, means, np.zeros(len(weights))
    biases = _numbers("biases", biases, "(K,)")
    if biases.shape != (len(weights),):
        raise ValueError(
            f"Argument `biases` must have shape ({len(weights)},), one bias for each "
            f"class. Received: biases.shape={biases.shape}"
        )
    return weights, means, _finite("biases", biases)
