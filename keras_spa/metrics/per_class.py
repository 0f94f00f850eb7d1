"""What is true of each class of a set of images, exactly: NumPy, float64."""

from collections.abc import Iterable

import numpy as np

from keras_spa import _checks
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
    for features, labels in batches:
        features = np.asarray(features, "float64")
        if features.ndim != 2 or sums is not None and len(features.T) != len(sums.T):
            raise ValueError(
                "Argument `batches` must hold features (B, d), of one d. "
                f"Received: features.shape={features.shape}"
            )
        labels = _labels(labels, len(features), num_classes)
        if sums is None:
            sums = np.zeros((num_classes, features.shape[1]))
        order = np.argsort(labels, kind="stable")
        classes, starts, n = np.unique(
            labels[order], return_index=True, return_counts=True
        )
        if len(classes):
            sums[classes] += np.add.reduceat(features[order], starts)
            counts[classes] += n
    if sums is None:
        raise ValueError("Argument `batches` must hold a batch. Received: none")
    return counts, sums / np.maximum(counts, 1)[:, None]


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
    means, counts = np.asarray(means, "float64"), np.asarray(counts, "float64")
    weights = np.divide(1.0, counts, where=counts > 0, out=np.zeros(len(counts)))
    total, scatter = 0.0, np.zeros((means.shape[1], means.shape[1]))
    for features, *_, labels in observed:
        apart = np.asarray(features, "float64") - means[labels]
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
    predictions = np.asarray(predictions)
    if predictions.ndim != 1:
        raise ValueError(
            "Argument `predictions` must be classes (N,). "
            f"Received: predictions.shape={predictions.shape}"
        )
    labels = _labels(labels, len(predictions), num_classes)
    images = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels[predictions == labels], minlength=num_classes)
    return np.where(images > 0, right / np.maximum(images, 1), np.nan)


def _labels(labels: Array, images: int, num_classes: int) -> Array:
    """Labels as integers (N,), one an image."""
    labels = np.asarray(labels)
    if labels.shape != (images,):
        raise ValueError(
            f"Argument `labels` must hold one integer for each of {images} images. "
            f"Received: labels.shape={labels.shape}"
        )
    _checks.label_values(labels, num_classes)
    return labels.astype("int64")
