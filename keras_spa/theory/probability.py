import math
from typing import Any, NamedTuple

import numpy as np

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.theory import _inputs, _pairs

BLOCK = 2**21  # samples × rivals held at a time


class ErrorProbability(NamedTuple):
    """Error probabilities of K classes, with the standard errors of their estimates.

    Args:
        probability: P(error | y) of each class, float64 (K,).
        standard_error: Standard deviation of each estimate, float64 (K,).

    Example:

    >>> import numpy as np
    >>> from keras_spa.theory import ErrorProbability
    >>> errors = ErrorProbability(np.array([0.1, 0.3]), np.array([0.03, 0.04]))
    >>> print(round(errors.mean, 3), round(errors.mean_standard_error, 3))
    0.2 0.025

    Reference: ours.
    """

    probability: np.ndarray
    standard_error: np.ndarray

    @property
    def mean(self) -> float:
        """Mean over the classes: the error on a balanced test set."""
        return float(np.mean(np.asarray(self.probability)))

    @property
    def mean_standard_error(self) -> float:
        """Standard error of `mean`; the estimates of the classes are independent."""
        return math.hypot(*self.standard_error) / len(self.standard_error)


def error_probability(
    weights: Array,
    means: Array,
    sigma: float,
    biases: Array | None = None,
    samples: int = 10000,
    seed: int = 0,
    covariance: Array | None = None,
) -> ErrorProbability:
    """Error of a linear classifier at a given noise, however rare errors are.

    Features of class y are `μ_y + σΣ^½n`, n standard normal; the decision is
    `argmax_c w_c·h + b_c`, ties being errors. With `r_yj` the distance from `μ_y` to
    the boundary with class j in the metric of Σ (T6), negative on the other side, and Q
    the tail of the standard normal distribution, two classes give
    `P(error | y) = Q(r_yj/σ)` exactly.

    For more, an error is a fall into the union of the rivals' half-spaces, and
    `P(error | y) = Σ_j Q(r_yj/σ) · E[1/S]`: draw a rival j in proportion to
    `Q(r_yj/σ)`, then a noise that falls into its half-space; S is the number of
    half-spaces that it falls into. This is unbiased, and its relative standard error
    is at most `√((K−1)/(4·samples))` at any σ, at probabilities of 1e-30 as at 0.5.

    Args:
        weights: W (K, d), row c the weight of class c: the transpose of a Keras kernel.
        means: M (K, d), row c the mean feature of class c.
        sigma: σ, standard deviation of each feature around its mean, positive.
        biases: b (K,), or None (default) for a classifier without.
        samples: Draws for each class, at least 2. Defaults to 10000.
        seed: Non-negative integer. The same seed gives the same draws
            (`numpy.random.RandomState`), and on one machine the same result.
        covariance: Σ (d, d) of the noise `σΣ^½n`, symmetric and positive definite, or
            None (default) for the identity.

    Returns:
        `ErrorProbability`: `probability` (K,), `standard_error` (K,), and their `mean`
        and `mean_standard_error` over the classes. A standard error of 0 (to rounding)
        says that all samples fell into equally many half-spaces: the probability is
        exact if there is one rival, else probably within a share of a few `1/samples`.
        Below 1e-307 probabilities fade to 0.

    Raises:
        ValueError: shapes that do not match, fewer than 2 classes, values that are
            not finite, `sigma` not positive.

    Example:

    >>> from keras_spa.theory import error_probability, simplex_etf
    >>> etf = simplex_etf(10, 9)
    >>> errors = error_probability(etf, etf, sigma=0.1)
    >>> print(f"{errors.mean:.1e}")
    4.1e-13

    Reference: the exact counterpart of theorem T1 of docs/theory.md; Owen, Maximov and
    Chertkov (2019), "Importance sampling the union of rare events with an application
    to power systems analysis", Electronic Journal of Statistics 13.
    """
    weights, means, biases = _inputs.classifier(weights, means, biases, covariance)
    sigma = _checks.positive("sigma", sigma)
    samples = _checks.integer("samples", samples, 2)
    random = np.random.RandomState(_checks.seed("seed", seed))
    distances = _pairs.boundary_distances(weights, means, biases)
    thresholds = np.concatenate(list(distances)) / sigma
    estimates = [
        _estimate_class(y, weights, thresholds[y], samples, random)
        for y in range(len(weights))
    ]
    return ErrorProbability(*np.array(estimates).T)


def _estimate_class(
    y: int,
    weights: Array,
    thresholds: Array,
    samples: int,
    random: np.random.RandomState,
) -> tuple[float, float]:
    tails = np.array([math.erfc(t / math.sqrt(2)) / 2 for t in thresholds])
    largest = tails.max()
    if largest == 1:
        return 1.0, 0.0
    # The rivals left out add less than rounding to the largest tail.
    rivals = np.flatnonzero(tails > largest * np.finfo(float).eps / len(tails))
    if len(rivals) < 2:
        return largest, 0.0
    normals = weights[rivals] - weights[y]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    if normals.shape[1] > len(rivals):  # only the noise in their span matters
        normals = np.asarray(np.linalg.qr(normals.T, mode="r")).T
    tails, thresholds = tails[rivals], thresholds[rivals]
    block = max(1, BLOCK // len(rivals))
    counts = [
        _half_spaces(normals, thresholds, tails, min(block, samples - done), random)
        for done in range(0, samples, block)
    ]
    union_bound, shares = tails.sum(), 1 / np.concatenate(counts)
    error = shares.std(ddof=1) / math.sqrt(samples)
    return union_bound * shares.mean(), union_bound * error


def _half_spaces(
    normals: Array,
    thresholds: Array,
    tails: Array,
    samples: int,
    random: np.random.RandomState,
) -> Any:
    """Into how many half-spaces noises fall that fall into one, drawn by its tail."""
    drawn = random.choice(len(tails), samples, p=tails / tails.sum())
    noise = random.standard_normal((samples, normals.shape[1]))
    normal = normals[drawn]
    depth = _normal_above(thresholds[drawn], random)
    noise += (depth - np.einsum("nd,nd->n", noise, normal))[:, None] * normal
    inside = noise @ normals.T >= thresholds
    inside[np.arange(samples), drawn] = True  # whatever rounding says
    return inside.sum(axis=1)


def _normal_above(low: Array, random: np.random.RandomState) -> Array:
    """Standard normal numbers, each given that it is at least `low` (n,).

    Rejection from an exponential distribution beyond a positive `low` (Robert 1995,
    "Simulation of truncated normal variables"), else from the normal one.
    """
    result = np.empty(len(low))
    left = np.arange(len(low))
    while left.size:
        t = low[left]
        rate = (t + np.sqrt(t * t + 4)) / 2
        beyond = t + random.standard_exponential(len(t)) / rate
        tail = random.random_sample(len(t)) < np.exp(-np.square(beyond - rate) / 2)
        normal = random.standard_normal(len(t))
        result[left] = np.where(t > 0, beyond, normal)
        left = left[~np.where(t > 0, tail, normal >= t)]
    return result
