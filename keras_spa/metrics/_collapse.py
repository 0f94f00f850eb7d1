"""The measures of neural collapse: pure functions of float64 arrays.

Rows run over K classes: their means `means` (K, d), and the same without their common
mean, `centred` (K, d); classifier weights (K, d). What is undefined is NaN.
"""

import numpy as np

from keras_spa._types import Array
from keras_spa.theory._pairs import ROUNDING


def within_over_between(covariance: Array, means: Array, centred: Array) -> float:
    """NC1, `tr(Σ_W Σ_B⁺)/K`, with Σ_W = `covariance` (d, d) and `Σ_B = MᵀM/K`."""
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > ROUNDING * np.linalg.norm(means)
    if not kept.any():
        return float("nan")
    within = np.sum((directions[kept] @ covariance) * directions[kept], axis=1)
    return float(np.sum(within / lengths[kept] ** 2))  # Σ_B⁺ has K/lengths²


def distance_normalised_variance(squared_distances: Array, variances: Array) -> float:
    """CDNV, mean over pairs of classes of `(v_c + v_j)/(2‖μ_c − μ_j‖²)`."""
    pairs = np.triu_indices(len(variances), 1)
    distances = squared_distances[pairs]
    if not np.all(distances > 0):
        return float("nan")
    return float(np.mean((variances[:, None] + variances)[pairs] / (2 * distances)))


def variation(rows: Array) -> float:
    """Coefficient of variation of the rows' lengths, standard deviation / mean."""
    lengths = np.linalg.norm(rows, axis=1)
    return float(np.std(lengths) / np.mean(lengths)) if lengths.any() else float("nan")


def deviation_from_simplex(rows: Array) -> float:
    """Mean over pairs of rows of `|cos + 1/(K−1)|`."""
    if not np.any(rows):
        return float("nan")
    pairs = np.triu_indices(len(rows), 1)
    rows = unit(rows)
    return float(np.mean(np.abs((rows @ rows.T)[pairs] + 1 / (len(rows) - 1))))


def self_duality_distance(weights: Array, centred: Array) -> float:
    """`‖W/‖W‖_F − M/‖M‖_F‖_F`."""
    if not (weights.any() and centred.any()):
        return float("nan")
    scaled = (rows / np.linalg.norm(rows) for rows in (weights, centred))
    return float(np.linalg.norm(np.subtract(*scaled)))


def nearest(features: Array, means: Array) -> Array:
    """Index of the row of `means` nearest to each of `features` (B, d)."""
    origin = means.mean(axis=0)  # near it, differences of squares lose fewer digits
    centres = means - origin
    offsets = np.sum(centres**2, axis=1) / 2
    return np.argmax((features - origin) @ centres.T - offsets, axis=1)


def unit(rows: Array) -> Array:
    """Rows of length one; 0 stays 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
