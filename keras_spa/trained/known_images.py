"""Whether the scatter of training images that a model knows is that of new ones."""

import dataclasses
from typing import Any

import keras
import numpy as np

from keras_spa._types import Array, Dataset
from keras_spa.trained._batches import array_batches, integer_labels
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.observe import Observer

MEMORISED = 0.98  # accuracy on the training images, mean over classes
APART = 1.0  # midpoint scatter from which on training images count as drawn together


def midpoint_scatter(
    observer: Observer, dataset: Dataset, means: Array, batch_size: int
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

    Returns:
        The share; None where there are no images to be mixed (inputs that are neither
        floats nor bytes), or fewer pairs than classes.
    """
    between = within = 0.0
    pairs = 0
    batches, _ = array_batches(dataset, batch_size)
    for images, labels in batches:
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


def of_known_images(
    choice: AlignmentChoice, learnt: float, share: float | None
) -> AlignmentChoice:
    """The choice for a model that knows its images, by their `midpoint_scatter`.

    Their noise is believed where the share is below 1; else β becomes 0.
    """
    known = f"knows its training images ({100 * learnt:.0f} % of each class on average)"
    if share is not None and share < APART:
        note = (
            f"The model {known}, and has not drawn them together: midway between two "
            f"of a class features scatter {share:.2f} times as much as theirs, which "
            "is taken for the noise of new images."
        )
        return dataclasses.replace(choice, notes=(note,))
    midway = "" if share is None else f", and {share:.2f} times that lies between them"
    note = (
        f"The model {known}, whose noise is then not that of new ones{midway}: pass "
        "`augment=` to turn towards the optimum as well."
    )
    return dataclasses.replace(choice, beta=0.0, notes=(note,))
