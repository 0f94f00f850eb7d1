"""The covariance in whose metric a classifier is measured, in float64."""

import numpy as np

from keras_spa._types import Array

SHRINKAGE = 0.1
LEAST_SCATTER = 1e-12  # of the features' mean square: below it is rounding


def shrunk(covariance: Array, means: Array) -> Array | None:
    """`(1−α)Σ + α·tr(Σ)/d·I`, α = 0.1, positive definite.

    None where the features of each class are one and the same, but for rounding.

    Args:
        covariance: Σ (d, d), within the classes.
        means: μ (K, d), of classes with images.
    """
    dimension = len(covariance)
    variance = np.trace(covariance) / dimension
    if not LEAST_SCATTER * np.mean(means**2) < variance < np.inf:
        return None
    identity = np.eye(dimension)
    return (1 - SHRINKAGE) * covariance + SHRINKAGE * variance * identity


def unbiased(covariance: Array, counts: Array) -> Array:
    """Σ of features about the means of these very features, freed of its bias.

    n images of a class scatter about their own mean by (n−1)/n of their covariance:
    averaged over the classes, Σ comes out smaller by the mean of that.

    Args:
        covariance: Σ (d, d), the mean over the classes with images.
        counts: n (K,), images of each class.
    """
    kept = np.mean(1 - 1 / counts[counts > 0])
    return covariance / kept if kept else covariance
