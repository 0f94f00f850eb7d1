import numpy as np
from scipy.special import softmax

from keras_spa._types import Array

BINS = 15


def confidence_bins(probabilities: Array, labels: Array) -> Array:
    """Sums over images by their confidence, the largest probability: float64 (3, 15).

    Bin b holds confidences in (b/15, (b + 1)/15]; its sums are the number of images, of
    right ones, and of the confidences. Sums of batches may be added.

    Args:
        probabilities: (N, K).
        labels: integers (N,).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> bins = spa.metrics.confidence_bins(np.array([[0.9, 0.1], [0.6, 0.4]]), [0, 1])
    >>> bins.sum(axis=1)
    array([2. , 1. , 1.5])

    Reference: Guo et al. (ICML 2017), "On Calibration of Modern Neural Networks".
    """
    confidence = np.asarray(probabilities).max(axis=1)
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    right = np.argmax(probabilities, axis=1) == labels
    rows = (np.ones_like(confidence), right, confidence)
    return np.stack([np.bincount(place, row, BINS) for row in rows])


def calibration_error(logits: Array, labels: Array) -> float:
    """Expected calibration error of logits, in [0, 1].

    `ECE = Σ_bins (images in bin / images) · |accuracy − mean confidence|`, over 15 bins
    of equal width of the largest probability.

    Args:
        logits: (N, K).
        labels: integers (N,).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> error = spa.metrics.calibration_error(np.zeros((4, 2)), [0, 0, 1, 1])
    >>> round(error, 6)
    0.0

    Reference: Guo et al. (ICML 2017), "On Calibration of Modern Neural Networks".
    """
    logits = np.asarray(logits, "float64")
    images, right, confidence = confidence_bins(softmax(logits, axis=1), labels)
    return float(np.abs(right - confidence).sum() / images.sum())
