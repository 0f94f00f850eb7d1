"""What is true of each class of a set of images, exactly: NumPy, float64."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from keras_spa import _arrays, _checks, _label_checks
from keras_spa._types import Array


def exact_class_means(
    batches: Iterable[tuple[Array, Array]], num_classes: int
) -> tuple[Array, Array]:
    """Mean feature of each class over all images, unlike the running `ClassMeans`.

    Args:
        batches: Pairs of features (B, d) and integer labels (B,) in 0..K−1, any number
            of them; for arrays `[(features, labels)]`.
        num_classes: K.

    Returns:
        `(counts, means)`: float64 arrays (K,), images of each class, and (K, d); 0 for
        classes without images.

    Raises:
        ValueError: no batch, features of another shape, or labels that are not one
            integer in 0..K−1 for each of them.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> features, labels = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1])
    >>> counts, means = spa.metrics.exact_class_means([(features, labels)], 2)
    >>> counts.tolist(), means.tolist()
    ([0.0, 2.0], [[0.0, 0.0], [2.0, 3.0]])

    Reference: ours.
    """
    num_classes = _checks.integer("num_classes", num_classes, 1)
    counts, sums = np.zeros(num_classes), None
    for features, labels in _tuples("batches", batches, 2):
        features = _arrays.array("features", features, "(B, d)").astype("float64")
        if features.ndim != 2 or sums is not None and len(features.T) != len(sums.T):
            raise ValueError(
                "Argument `batches` must hold features (B, d), of one d. "
                f"Received: features.shape={features.shape}"
            )
        labels = _labels(labels, len(features), num_classes)
        if sums is None:
            sums = np.zeros((num_classes, features.shape[1]))
        if len(labels):
            classes, n, added = class_sums(features, labels)
            sums[classes] += added
            counts[classes] += n
    if sums is None:
        raise ValueError("Argument `batches` must hold a batch. Received: none")
    return counts, sums / np.maximum(counts, 1)[:, None]


def class_sums(features: Array, labels: Array) -> tuple[Array, Array, Array]:
    """The classes of a batch, images of each (C,) and sums of their features (C, d).

    Of features (B, d) and integers (B,), B at least 1; nothing is as large as all K.
    """
    order = np.argsort(labels, kind="stable")
    classes, starts, n = np.unique(labels[order], return_index=True, return_counts=True)
    return classes, n, np.add.reduceat(features[order], starts)


def within_class_covariance(
    observed: Iterable[tuple[Array, ...]], means: Array, counts: Array
) -> Array:
    """Covariance of the features about given class means, each class counting alike.

    `Σ = Σ_i (h_i − μ_{y_i})(h_i − μ_{y_i})ᵀ/n_{y_i} / Σ_i 1/n_{y_i}`: the mean over the
    classes of their covariances, if the images are those that were counted. They may
    also be others, such as augmented ones, whose scatter about the *clean* means is
    that of new images.

    Args:
        observed: Tuples whose first part are features (B, d) and whose last part are
            integer labels (B,), as `trained.observe` yields them.
        means: μ (K, d).
        counts: n (K,), images of each class.

    Returns:
        float64 array (d, d).

    Raises:
        ValueError: no image of a class that was counted.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> features, labels = np.array([[1.0, 0], [-1, 0], [0, 5]]), np.array([0, 0, 1])
    >>> counts, means = spa.metrics.exact_class_means([(features, labels)], 2)
    >>> spa.metrics.within_class_covariance([(features, labels)], means, counts)
    array([[0.5, 0. ],
           [0. , 0. ]])

    Reference: ours; averaged over images it is Σ_W of `metrics.NeuralCollapse`.
    """
    means = _arrays.array("means", means, "(K, d)").astype("float64")
    counts = _arrays.array("counts", counts, "(K,)").astype("float64")
    if means.ndim != 2 or counts.shape != means.shape[:1] or not np.all(counts >= 0):
        raise ValueError(
            "Arguments `means` and `counts` must have shapes (K, d) and (K,), counts "
            "not be negative. "
            f"Received: means.shape={means.shape}, counts.shape={counts.shape}"
        )
    weights = np.divide(1.0, counts, where=counts > 0, out=np.zeros(len(counts)))
    total, scatter = 0.0, np.zeros((means.shape[1], means.shape[1]))
    for features, *_, labels in _tuples("observed", observed):
        features = _arrays.array("features", features, "(B, d)").astype("float64")
        if features.shape[1:] != means.shape[1:]:
            raise ValueError(
                "Argument `observed` must hold features of the d of the means. "
                f"Received: features.shape={features.shape}, means.shape={means.shape}"
            )
        labels = _labels(labels, len(features), len(means))
        apart = features - means[labels]
        weight = weights[labels]
        scatter += (weight[:, None] * apart).T @ apart
        total += weight.sum()
    if not total > 0:
        raise ValueError(
            "Argument `observed` must hold images of the classes that were counted. "
            "Received: none"
        )
    return scatter / total


def accuracy_per_class(predictions: Array, labels: Array, num_classes: int) -> Array:
    """Share of each class's images that are classified as that class.

    Args:
        predictions: Classes (N,), such as `np.argmax(logits, axis=1)`.
        labels: Integers (N,) in 0..K−1.
        num_classes: K.

    Returns:
        float64 array (K,), in [0, 1]; NaN for classes without images.

    Raises:
        ValueError: labels that are not one integer in 0..K−1 for each prediction.

    Example:

    >>> import keras_spa as spa
    >>> print(spa.metrics.accuracy_per_class([0, 1, 1], [0, 0, 1], num_classes=3))
    [0.5 1.  nan]

    Reference: ours.
    """
    num_classes = _checks.integer("num_classes", num_classes, 1)
    predictions = _arrays.array("predictions", predictions, "(N,)")
    if predictions.ndim != 1:
        raise ValueError(
            "Argument `predictions` must be classes (N,). "
            f"Received: predictions.shape={predictions.shape}"
        )
    _label_checks.check(predictions, num_classes, "predictions")
    labels = _labels(labels, len(predictions), num_classes)
    images = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels[predictions == labels], minlength=num_classes)
    return np.where(images > 0, right / np.maximum(images, 1), np.nan)


def _tuples(name: str, parts: Any, length: int | None = None) -> Iterator[Any]:
    """Tuples of arrays, of `length` if it is given, one after the other."""
    listed = isinstance(parts, Iterable) and not isinstance(parts, (str, type, Mapping))
    for part in parts if listed else [None]:
        if (
            not isinstance(part, (tuple, list))
            or len(part) < 2
            or length not in (*(None, len(part)),)
        ):
            raise ValueError(
                f"Argument `{name}` must be batches (features, …, labels), such as "
                f"[(features, labels)]. Received: {type(parts).__name__}"
            )
        yield part


def _labels(labels: Array, images: int, num_classes: int) -> Array:
    """Labels as integers (N,), one an image."""
    labels = _arrays.array("labels", labels, "(B,)")
    if labels.shape != (images,):
        raise ValueError(
            f"Argument `labels` must hold one integer for each of {images} images. "
            f"Received: labels.shape={labels.shape}"
        )
    _label_checks.check(labels, num_classes)
    return labels.astype("int64")
