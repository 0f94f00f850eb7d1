"""Distances between all pairs of classes, in a few (K, K) float64 arrays.

`‖a−b‖² = ‖a‖² + ‖b‖² − 2a·b` costs one product of matrices but loses the digits that
the terms share. Centring the rows first removes what all of them share; where a pair
would still lose more than three digits, it is computed from its difference. Rows that
differ by no more than the rounding of their own numbers count as equal.
"""

import numpy as np

from keras_spa._types import Array

CLOSE = 1e-3  # ‖a−b‖² below this share of ‖a‖² + ‖b‖²: take the difference itself
ROUNDING = 1e-12  # lengths below this share of the rows' are rounding errors


def _squared_and_close(rows: Array) -> tuple[Array, Array]:
    """Squared distances (K, K), and for each class those to be computed again."""
    centred = rows - rows.mean(axis=0)
    gram = centred @ centred.T
    sums = np.diagonal(gram)[:, None] + np.diagonal(gram)
    squared = sums - 2 * gram
    close = squared <= CLOSE * sums  # the diagonal among them
    for y, others in enumerate(close):
        squared[y, others] = np.square(rows[y] - rows[others]).sum(axis=1)
    lengths = np.square(rows).sum(axis=1)
    squared[squared <= ROUNDING**2 * np.maximum(lengths[:, None], lengths)] = 0
    return squared, close


def squared_distances(rows: Array) -> Array:
    """`‖a_i − a_j‖²` for all pairs of rows (K, d) -> (K, K); 0 for equal rows."""
    return _squared_and_close(rows)[0]


def boundary_distances(weights: Array, means: Array, biases: Array) -> Array:
    """How far the mean of class y lies on its own side of its boundary with class j.

    `r_yj = ((w_y − w_j)·μ_y + b_y − b_j) / ‖w_y − w_j‖`, negative on the other side.
    Equal rows have no boundary; their biases decide alone: ∞ if `b_y > b_j`, else −∞.
    No class has a boundary with itself: ∞. Float64 (K, K).
    """
    squared, close = _squared_and_close(weights)
    scores = means @ (weights - weights.mean(axis=0)).T
    margins = np.diagonal(scores)[:, None] - scores
    for y, others in enumerate(close):
        margins[y, others] = (weights[y] - weights[others]) @ means[y]
    margins += biases[:, None] - biases
    apart = squared > 0
    distances = np.where(margins > 0, np.inf, -np.inf)
    np.divide(margins, np.sqrt(squared), where=apart, out=distances)
    np.fill_diagonal(distances, np.inf)
    return distances
