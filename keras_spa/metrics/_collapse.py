"""The measures of neural collapse: pure functions of float64 arrays.

Rows run over K classes: their means `means` (K, d), and the same without their common
mean, `centred` (K, d); classifier weights (K, d). What is undefined is NaN.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from keras_spa import theory
from keras_spa._types import Array
from keras_spa.metrics.shot_accuracy import shot_groups, shot_means
from keras_spa.theory import _inputs, _pairs


def within_over_between(covariance: Array, means: Array, centred: Array) -> float:
    """NC1, `tr(Σ_W Σ_B⁺)/K`, with Σ_W = `covariance` (d, d) and `Σ_B = MᵀM/K`."""
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    kept = lengths > _pairs.ROUNDING * np.linalg.norm(means)
    if not kept.any():
        return float("nan")
    within = np.sum((directions[kept] @ covariance) * directions[kept], axis=1)
    return float(np.sum(within / lengths[kept] ** 2))  # Σ_B⁺ has K/lengths²


def distance_normalised_variance(means: Array, variances: Array) -> float:
    """CDNV, mean over pairs of classes of `(v_c + v_j)/(2‖μ_c − μ_j‖²)`."""
    total = 0.0
    for first, squared in _pairs.squared_distances(means):
        if not np.all(squared > 0):
            return float("nan")
        others = variances[first:]
        total += np.sum((others[: len(squared), None] + others) / (2 * squared))
    return float(total / _number_of_pairs(means))


def variation(rows: Array) -> float:
    """Coefficient of variation of the rows' lengths, standard deviation / mean."""
    lengths = np.linalg.norm(rows, axis=1)
    return float(np.std(lengths) / np.mean(lengths)) if lengths.any() else float("nan")


def deviation_from_simplex(rows: Array) -> float:
    """Mean over pairs of rows of `|cos + 1/(K−1)|`."""
    if not np.any(rows):
        return float("nan")
    rows, total = unit(rows), 0.0
    for part in _pairs.blocks(len(rows)):
        apart = np.abs(rows[part] @ rows[part.start :].T + 1 / (len(rows) - 1))
        total += np.sum(np.triu(apart, 1))
    return float(total / _number_of_pairs(rows))


def _number_of_pairs(rows: Array) -> int:
    return len(rows) * (len(rows) - 1) // 2


def of_weights(weights: Array, centred: Array) -> dict[str, float]:
    """NC2 of the weights, and their distance from the means (NC3)."""
    return {
        "nc2_weights_norm": variation(weights),
        "nc2_weights_angle": deviation_from_simplex(weights),
        "nc3_distance": self_duality_distance(weights, centred),
    }


def of_classes(
    classes: dict[str, Array], counts: Array, class_counts: Sequence[float] | None
) -> dict[str, float]:
    """Mean cosines, by shots too, and smallest exponents of the classes with images."""
    measures = {}
    for kind, prefix in (("", "nc3_"), ("noise_", "noise_")):
        cosines = classes[f"{kind}cosine"]
        measures[f"{prefix}cosine"] = float(np.mean(cosines[counts > 0]))
        if class_counts is not None:
            means = shot_means(cosines, class_counts)
            for shots, group in shot_groups(class_counts).items():
                if counts[group].any():
                    measures[f"{prefix}cosine_{shots}"] = means[shots]
        worst = np.min(classes[f"{kind}exponent"][counts > 0])
        measures[f"{kind}exponent_efficiency"] = float(np.minimum(1.0, worst))
    return measures


def self_duality_distance(weights: Array, centred: Array) -> float:
    """`‖W/‖W‖_F − M/‖M‖_F‖_F`."""
    if not (weights.any() and centred.any()):
        return float("nan")
    scaled = (rows / np.linalg.norm(rows) for rows in (weights, centred))
    return float(np.linalg.norm(np.subtract(*scaled)))


def alignment(
    weights: Array, means: Array, biases: Array | None, metric: Array | None = None
) -> tuple[Array, Array, Array]:
    """Of each class the cosine, exponent and signed distance of its weight and mean.

    Cosines of weights and centred means, exponents as shares of the optimum (NaN if two
    means coincide) and `theory.boundary_distances`, arrays (K,). In a metric (d, d)
    they are those of whitened weights and means.
    """
    weights, means, biases = _inputs.classifier(weights, means, biases, metric)
    cosines = np.sum(unit(weights) * unit(means - means.mean(axis=0)), axis=1)
    distances = theory.boundary_distances(weights, means, biases)
    optimum = theory.optimal_error_exponent(means)
    exponents = np.maximum(distances, 0) ** 2 / 2
    shares = exponents / optimum if optimum > 0 else np.full(len(means), np.nan)
    return cosines, shares, distances


class Nearest:
    """Finds the row of `means` (K, d) nearest to each of some features (B, d).

    In float32, which is twice as fast; where its rounding could decide, in float64.
    """

    def __init__(self, means: Array) -> None:
        self.origin = means.mean(axis=0)  # near it, squares lose fewer digits
        self.centres = means - self.origin
        self.offsets = np.sum(self.centres**2, axis=1) / 2
        self.longest = np.sqrt(2 * self.offsets.max())
        with np.errstate(over="ignore"):
            single = self.centres.astype("float32"), self.offsets.astype("float32")
        self.single = single[0].T, single[1]
        # A product of d terms is off by less than d + 2 roundings of |x|·|y|.
        self.rounding = (len(means.T) + 4) * np.finfo("float32").eps * self.longest

    def __call__(self, features: Array) -> Array:
        apart = features - self.origin
        centres, offsets = self.single
        with np.errstate(over="ignore", invalid="ignore"):  # then it is not sure
            scores = apart.astype("float32") @ centres - offsets
            rows = np.arange(len(scores))
            found = np.argmax(scores, axis=1)
            first = scores[rows, found]
            scores[rows, found] = -np.inf
            margins = first - scores.max(axis=1)
        sizes = np.linalg.norm(apart, axis=1) + self.longest
        sure = (margins > 2 * self.rounding * sizes) & np.isfinite(first)
        close = apart[~sure] @ self.centres.T - self.offsets
        found[~sure] = np.argmax(close, axis=1)
        return found


def agreement(
    parts: Iterable[tuple[Array, Array, Array]],
    shares: Array,
    met: Array,
    means: Array,
) -> float:
    """How many images the classifier puts into the class with the nearest mean (NC4).

    Args:
        parts: Features (n, d), decisions (n,) and labels (n,) of the images.
        shares: What an image of each class counts, (K,).
        met: The classes with images.
        means: Theirs, one row each.
    """
    same, nearest = 0.0, Nearest(means)
    for features, decisions, labels in parts:
        closest = met[nearest(features.astype("float64"))]
        same += float(np.sum(shares[labels[closest == decisions]]))
    return same


def unit(rows: Array) -> Array:
    """Rows of length one; 0 stays 0."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
