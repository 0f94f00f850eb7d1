"""What `NeuralCollapse` is given, as NumPy arrays, if it can be used."""

from collections.abc import Sequence

import numpy as np

from keras_spa import _arrays, _label_checks
from keras_spa._types import Array, Tensor


def features(features: Tensor, means: Array | None, batch: int) -> Array:
    """Features (B, d), float64 and finite, of the width of the `means` so far."""
    features = _arrays.array("features", features, "(B, d)")
    width = None if means is None else means.shape[1]
    if features.ndim != 2 or width not in (None, features.shape[1]):
        raise ValueError(
            f"Argument `features` must have shape (B, {width or 'd'}). "
            f"Received: features.shape={features.shape} in batch {batch}"
        )
    features = features.astype("float64")
    if not np.isfinite(features).all():
        image = np.argmin(np.isfinite(features).all(axis=1))
        raise ValueError(
            "Argument `features` must be finite. Received: NaN or infinity in "
            f"batch {batch} (counted from 0), first in its image {image}"
        )
    return features


def labels(labels: Tensor, count: int, num_classes: int) -> Array:
    """Integer labels (B,), as many as there are features."""
    labels = _arrays.array("labels", labels, "(B,)")
    if _label_checks.kind(labels, num_classes) != "integer":
        raise ValueError(
            "Argument `labels` must be integers of shape (B,) or (B, 1). "
            f"Received: labels.shape={labels.shape}"
        )
    _label_checks.check(labels, num_classes)
    if len(labels) != count:
        raise ValueError(
            "Argument `labels` must hold one label for each of the features. "
            f"Received: {len(labels)} labels, {count} features"
        )
    return labels.reshape(-1).astype("int64")


def weights(weights: Tensor, shape: tuple[int, int]) -> Array:
    """Weights (K, d), float64 and finite."""
    weights = _arrays.array("weights", weights, "(K, d)").astype("float64")
    if weights.shape != shape or not np.isfinite(weights).all():
        raise ValueError(
            f"Argument `weights` must be finite, of shape {shape}. "
            f"Received: weights.shape={weights.shape}"
        )
    return weights


def decisions(logits: Tensor, labels: Array, num_classes: int) -> Array:
    """Classes (B,) with the largest of finite logits (B, K)."""
    logits = _arrays.array("logits", logits, "(B, K)")
    shape = len(labels), num_classes
    if logits.shape != shape or np.isnan(logits).any():
        raise ValueError(
            f"Argument `logits` must be numbers of shape {shape}. "
            f"Received: logits.shape={logits.shape}, {np.isnan(logits).sum()} NaN"
        )
    return np.argmax(logits, axis=-1)


def biases(biases: Tensor, num_classes: int) -> Array:
    """Biases as finite float64 (K,)."""
    biases = _arrays.array("biases", biases, "(K,)").astype("float64")
    if biases.shape != (num_classes,) or not np.isfinite(biases).all():
        raise ValueError(
            f"Argument `biases` must be finite, of shape ({num_classes},). "
            f"Received: biases.shape={biases.shape}"
        )
    return biases


def listed(classes: Array) -> str:
    """The first ten classes, and how many more there are."""
    shown = ", ".join(str(c) for c in classes[:10])
    return shown + (f" and {len(classes) - 10} more" if len(classes) > 10 else "")


def class_names(class_names: Sequence[str] | None, num_classes: int) -> list[str]:
    """K strings; by default the class numbers."""
    given = range(num_classes) if class_names is None else class_names
    unordered = isinstance(given, (str, bytes, type, set, frozenset))
    if unordered or not hasattr(given, "__len__"):
        raise ValueError(
            f"Argument `class_names` must be a list of {num_classes} names. "
            f"Received: class_names={class_names!r}"
        )
    names = [str(name) for name in given]
    if len(names) != num_classes:
        raise ValueError(
            f"Argument `class_names` must hold {num_classes} names. "
            f"Received: {len(names)}"
        )
    return names


def check_logits_as_before(logits: Tensor | None, before: bool, batch: int) -> None:
    """Raises if this batch has logits and those before have not, or the reverse."""
    if (logits is not None) != before:
        where = "earlier ones" if before else "this one"
        raise ValueError(
            "Argument `logits` must be given for all batches or none. Received: "
            f"some in {where} alone, in batch {batch}"
        )
