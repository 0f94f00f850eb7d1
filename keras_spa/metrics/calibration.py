import numpy as np
import scipy

from keras_spa import _arrays, _checks, _label_checks
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
    probabilities = _rows("probabilities", probabilities)
    if not np.all((probabilities >= 0) & (probabilities <= 1 + 1e-3)):
        raise ValueError(
            "Argument `probabilities` must be in 0..1; of logits z they are softmax(z)."
            f" Received: {probabilities.min():g} to {probabilities.max():g}"
        )
    labels = _labels(labels, probabilities)
    confidence = probabilities.max(axis=1)
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

    Raises:
        ValueError: probabilities in place of logits.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> error = spa.metrics.calibration_error(np.zeros((4, 2)), [0, 0, 1, 1])
    >>> round(error, 6)
    0.0

    Reference: Guo et al. (ICML 2017), "On Calibration of Modern Neural Networks".
    """
    dtype, logits = getattr(logits, "dtype", None), _rows("logits", logits)
    if _checks.are_probabilities(logits, dtype):
        raise ValueError(
            "Argument `logits` must be logits; of probabilities p they are np.log(p). "
            "Received: rows of non-negative numbers that sum to 1"
        )
    images, right, confidence = confidence_bins(
        scipy.special.softmax(logits, axis=1), labels
    )
    return float(np.abs(right - confidence).sum() / images.sum())


def _rows(name: str, value: Array) -> Array:
    """`value` as finite float64 (N, K)."""
    rows = _arrays.array(name, value, "(N, K)").astype("float64")
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(
            f"Argument `{name}` must be finite, of shape (N, K). "
            f"Received: {name}.shape={rows.shape}"
        )
    return rows


def _labels(labels: Array, rows: Array) -> Array:
    """`labels` as integers (N,) in 0..K−1, one a row."""
    labels = _arrays.array("labels", labels, "(N,)")
    _label_checks.check(labels, rows.shape[1])
    if labels.shape != rows.shape[:1]:
        raise ValueError(
            f"Argument `labels` must be {len(rows)} integers, one for each row. "
            f"Received: labels.shape={labels.shape}"
        )
    return labels.astype("int64")
