"""The classifier that would be optimal for a trained model's features."""

import numpy as np

from keras_spa import theory
from keras_spa._types import Array
from keras_spa.metrics._inputs import listed
from keras_spa.metrics._noise import shrunk


def optimal_classifier(
    means: Array, counts: Array, covariance: Array
) -> tuple[Array, Array]:
    """`theory.optimal_classifier` of the classes with images, (K, d) and (K,).

    A class without images gets the logit of one whose mean is the global mean, and the
    mean length.
    """
    met = counts > 0
    if np.count_nonzero(met) < 2:
        raise ValueError(
            "Argument `dataset` must hold images of at least 2 classes. Received: "
            f"images of class {listed(np.flatnonzero(met))} alone"
        )
    metric = shrunk(covariance, means[met])
    if metric is None:
        raise ValueError(
            "Argument `dataset` must give features that scatter about their class "
            "means; images of one alone do with `augment=`. Received: one and the same "
            "feature for all images of each class"
        )
    weights, biases = np.zeros_like(means), np.zeros(len(means))
    weights[met], biases[met] = theory.optimal_classifier(means[met], metric)
    biases[~met] = biases[met].mean()
    return weights, biases
