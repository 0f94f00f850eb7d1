"""Whether the scatter of training images that a model knows is that of new ones."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_spa import theory
from keras_spa._types import Array, Dataset
from keras_spa.metrics.per_class import exact_class_means, within_class_covariance
from keras_spa.trained._batches import array_batches, integer_labels, shown
from keras_spa.trained._passes import sampled
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.observe import Observer, observe
from keras_spa.trained.optimum import optimal_classifier

MEMORISED = 0.98  # accuracy on the training images, mean over classes
APART = 1.0  # midpoint scatter from which on training images count as drawn together
WORTH = 0.01  # accuracy that the metric of the noise must add on images left out
PARTS = 5


def midpoint_scatter(
    observer: Observer,
    dataset: Dataset,
    means: Array,
    batch_size: int,
    verbose: str | int = 0,
) -> float | None:
    """Scatter of images midway between two of a class, as a share of the images' own.

    `Σ ‖h((x_i + x_j)/2) − μ_c‖² / Σ ‖h(x_i) − μ_c‖²` over pairs i, j of a class c in
    one batch. Features that are linear between the images give 1/2. A network that has
    drawn its training images together, and only them, gives more than 1: what lies
    between them is farther from their mean than they are, and so are new images.

    Args:
        observer: The model.
        dataset: Training images, as in `align`.
        means: μ (K, d), the class means of their features.
        batch_size: Images at a time, for arrays.
        verbose: 0 for no progress bar (default).

    Returns:
        The share; None where there are no images to be mixed (inputs that are neither
        floats nor bytes), or fewer pairs than classes.
    """
    between = within = 0.0
    pairs = 0
    batches, steps = array_batches(dataset, batch_size)
    for images, labels in shown(batches, steps, verbose):
        if not all(map(_mixable, keras.tree.flatten(images))):
            return None
        classes = integer_labels(labels, observer.num_classes)
        mates = _mates(classes)
        paired = np.flatnonzero(mates != np.arange(len(mates)))
        if not len(paired):
            continue
        centres = means[classes[paired]]
        whole, _ = observer(images)
        # Of a whole batch, so that compiled functions see shapes that they know.
        midway, _ = observer(_midway(images, mates))
        within += float(np.sum((whole[paired] - centres) ** 2))
        between += float(np.sum((midway[paired] - centres) ** 2))
        pairs += len(paired)
    return between / within if pairs >= observer.num_classes and within > 0 else None


def _mixable(array: Any) -> bool:
    return array.dtype == np.uint8 or array.dtype.kind == "f"


def _mates(classes: Array) -> Array:
    """For each image another of its class, or itself where there is none."""
    mates = np.arange(len(classes))
    for label in np.unique(classes):
        own = np.flatnonzero(classes == label)
        # Half a class away: neighbours in a data set are often nearly the same.
        mates[own] = np.roll(own, len(own) // 2)
    return mates


def _midway(images: Any, mates: Array) -> Any:
    def mean(array: Array) -> Array:
        both = (array.astype("float32") + array[mates].astype("float32")) / 2
        return (np.rint(both) if array.dtype == np.uint8 else both).astype(array.dtype)

    return keras.tree.map_structure(mean, images)


def metric_gain(features: Array, labels: Array, num_classes: int) -> float:
    """What the metric of the noise adds to the accuracy of class means alone.

    In five parts, block by block of each class: the classifiers that are optimal in the
    noise of the other parts, and in isotropic noise, judged by the part left out.

    Args:
        features: (N, d).
        labels: integers (N,).
        num_classes: K.

    Returns:
        Difference of the accuracies on the images of classes of two or more, each image
        counting alike: those of a rare class are too few to tell. 0 where too little is
        left.
    """
    counts = np.bincount(labels, minlength=num_classes)
    parts = np.empty(len(labels), "int64")
    for c, n in enumerate(counts):
        parts[labels == c] = np.arange(n) * PARTS // max(n, 1)
    right = np.zeros(2)
    for part in range(PARTS):
        out = (parts == part) & (counts[labels] > 1)
        rest = [(features[~out], labels[~out])]
        kept, means = exact_class_means(rest, num_classes)
        met = np.flatnonzero(kept)
        covariance = within_class_covariance(rest, means, kept)
        try:
            in_noise = optimal_classifier(means[met], kept[met], covariance)
        except ValueError:  # no scatter is left
            return 0.0
        plain = theory.optimal_classifier(means[met])
        for row, (weights, biases) in enumerate((plain, in_noise)):
            found = met[np.argmax(features[out] @ weights.T + biases, axis=1)]
            right[row] += np.count_nonzero(found == labels[out])
    return float((right[1] - right[0]) / max(counts[counts > 1].sum(), 1))


def doubt_of_known_images(
    observer: Observer,
    dataset: Dataset,
    counts: Array,
    means: Array,
    batch_size: int,
    verbose: str | int,
) -> str:
    """Why the scatter of known images may not be the noise of new ones, or ""."""
    share = midpoint_scatter(observer, dataset, means, batch_size, verbose)
    if share is None:
        return "and images midway between them, which would tell, cannot be made"
    if share >= APART:
        return f"which it has drawn together: {share:.2f} times that lies between them"
    if counts.sum() < means.shape[1]:
        return f"and {counts.sum():.0f} images tell little of {means.shape[1]} features"
    seen = observe(observer, dataset, batch_size, verbose)
    features, labels, _ = sampled(seen, *means.shape)
    gain = metric_gain(features, labels, observer.num_classes)
    if gain < WORTH:
        return (
            "and images left out are classified little better in its metric than by "
            f"class means alone ({100 * gain:+.1f} points)"
        )
    return ""


def of_known_images(
    choice: AlignmentChoice, learnt: float, doubt: str
) -> AlignmentChoice:
    """The choice for a model that knows its images: β is 0 if there is a doubt."""
    known = f"knows its training images ({100 * learnt:.0f} % of each class on average)"
    if doubt:
        note = (
            f"The model {known}, whose noise may not be that of new ones, {doubt}: "
            "`augment=` of `keras_spa.align` lets it be turned as well."
        )
        return dataclasses.replace(choice, beta=0.0, notes=(note,))
    note = (
        f"The model {known}, but has not drawn them together, and images left out are "
        "classified better in the metric of their noise, which is taken for that of "
        "new ones."
    )
    return dataclasses.replace(choice, notes=(note,))
