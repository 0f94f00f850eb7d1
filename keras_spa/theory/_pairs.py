"""Distances between all pairs of classes, a block of classes against the others.

`‖a−b‖² = ‖a‖² + ‖b‖² − 2a·b` costs one product of matrices but loses the digits that
the terms share. Centring the rows first removes what all of them share; where a pair
would still lose more than three digits, it is computed from its difference. Rows that
differ by no more than the rounding of their own numbers count as equal.

Memory is that of a few blocks, of 32 MB or K numbers each, whatever K is.
"""

from collections.abc import Iterator

import numpy as np

from keras_spa._types import Array

CLOSE = 1e-3  # ‖a−b‖² below this share of ‖a‖² + ‖b‖²: take the difference itself
ROUNDING = 1e-12  # lengths below this share of the rows' are rounding errors
BLOCK = 2**22  # pairs


def blocks(count: int) -> Iterator[slice]:
    """The numbers below `count` in parts, each of about BLOCK pairs with all."""
    step = max(1, BLOCK // count)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _squared_lengths(rows: Array) -> Array:
    return np.einsum("kd,kd->k", rows, rows)


class _Rows:
    """Rows (K, d), and what all of their blocks need of them."""

    def __init__(self, rows: Array) -> None:
        self.rows, self.centred = rows, rows - rows.mean(axis=0)
        self.sizes, self.lengths = map(_squared_lengths, (rows, self.centred))

    def squared(
        self, part: slice, first: int = 0
    ) -> tuple[Array, list[tuple[int, Array]]]:
        """Squared distances (n, m) of a part of the rows to those from `first` on.

        And where they were computed from differences: the row's place in the part, and
        the numbers of the others; no row is in its own list.
        """
        sums = self.lengths[part, None] + self.lengths[first:]
        squared = sums - 2 * (self.centred[part] @ self.centred[first:].T)
        close = squared <= CLOSE * sums
        own = np.arange(part.stop - part.start)
        close[own, own + part.start - first] = False
        squared[own, own + part.start - first] = 0
        found = []
        for y in np.flatnonzero(close.any(axis=1)):
            others = first + np.flatnonzero(close[y])
            apart = self.rows[part.start + y] - self.rows[others]
            squared[y, others - first] = _squared_lengths(apart)
            found.append((int(y), others))
        largest = np.maximum(self.sizes[part, None], self.sizes[first:])
        squared[squared <= ROUNDING**2 * largest] = 0
        return squared, found


def squared_distances(rows: Array) -> Iterator[tuple[int, Array]]:
    """`‖a_i − a_j‖²` of each pair i < j of rows (K, d), in blocks; 0 for equal rows.

    Yields:
        `(first, squared)`: row a and column b are of rows `first + a` and `first + b`;
        ∞ where b <= a.
    """
    prepared = _Rows(rows)
    for part in blocks(len(rows)):
        squared, _ = prepared.squared(part, part.start)
        squared[np.tril_indices(len(squared), 0, squared.shape[1])] = np.inf
        yield part.start, squared


def closest(rows: Array) -> tuple[int, int, float]:
    """The two rows that are closest, and the square of their distance."""
    best = (0, 1, np.inf)
    for first, squared in squared_distances(rows):
        i, j = np.unravel_index(np.argmin(squared), squared.shape)
        if squared[i, j] < best[2]:
            best = (first + int(i), first + int(j), float(squared[i, j]))
    return best


def boundary_distances(weights: Array, means: Array, biases: Array) -> Iterator[Array]:
    """How far the mean of class y lies on its own side of its boundary with class j.

    `r_yj = ((w_y − w_j)·μ_y + b_y − b_j) / ‖w_y − w_j‖`, negative on the other side.
    Equal rows have no boundary; their biases decide alone: ∞ if `b_y > b_j`, else −∞.
    No class has a boundary with itself: ∞. Float64 (n, K), one block of y after the
    other.
    """
    prepared = _Rows(weights)
    own = np.einsum("kd,kd->k", means, prepared.centred)
    for part in blocks(len(weights)):
        squared, close = prepared.squared(part)
        margins = own[part, None] - means[part] @ prepared.centred.T
        for y, others in close:
            apart = weights[part.start + y] - weights[others]
            margins[y, others] = apart @ means[part.start + y]
        margins += biases[part, None] - biases
        distances = np.where(biases[part, None] > biases, np.inf, -np.inf)
        np.divide(margins, np.sqrt(squared), where=squared > 0, out=distances)
        distances[np.arange(len(distances)), np.arange(part.start, part.stop)] = np.inf
        yield distances
