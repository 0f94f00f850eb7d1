"""What `NeuralCollapse` has to say about what is missing or cannot be."""

from collections.abc import Sequence

import numpy as np

from keras_spa._types import Array
from keras_spa.metrics import _inputs
from keras_spa.theory import _pairs


def collapse_notes(
    counts: Array,
    means: Array,
    weights: Array | None,
    metric: Array | None,
    sampled: Array,
    class_names: Sequence[str] | None = None,
) -> list[str]:
    """Sentences; [] if all is well.

    Args:
        counts: Images of each class (K,).
        means: μ of the classes with images.
        weights: Theirs, or None.
        metric: Σ, or None if the features do not scatter.
        sampled: Images of each class whose features were kept (K,).
        class_names: K strings. Defaults to the class numbers.
    """
    name = np.array(_inputs.class_names(class_names, len(counts)), "object")
    met = np.flatnonzero(counts)
    notes = []
    if len(met) < len(counts):
        missing = name[counts == 0]
        notes.append(f"Classes without images, left out: {_inputs.listed(missing)}.")
    if means.shape[1] < len(met) - 1:
        notes.append(
            f"A simplex ETF of {len(met)} classes needs {len(met) - 1} dimensions; "
            f"with {means.shape[1]}, NC2 cannot reach 0."
        )
    count, same = _equal_pairs(means)
    if count == len(met) * (len(met) - 1) // 2:
        notes.append("The means of all classes coincide: features tell none apart.")
    elif count:
        listed = ", ".join(f"{name[met[i]]} and {name[met[j]]}" for i, j in same)
        notes.append(f"Classes whose means coincide: {listed}.")
    if weights is not None and len(zero := met[~weights.any(axis=1)]):
        notes.append(f"Classes whose weights are 0: {_inputs.listed(name[zero])}.")
    if metric is None:
        few = counts.max() < 2
        why = "No class has two images" if few else "Features of a class are all equal"
        notes.append(f"{why}: their noise, and the metric it gives, is not known.")
    if sampled.sum() < counts.sum():
        notes.append(
            f"NC4 and the noise are those of a random sample of {sampled.sum():,} of "
            f"{counts.sum():,.0f} images."
        )
    return notes


def _equal_pairs(rows: Array) -> tuple[int, Array]:
    """How many pairs of rows are equal, and the first five of them."""
    count, first_ones = 0, np.zeros((0, 2), "int64")
    for first, squared in _pairs.squared_distances(rows):
        equal = squared == 0
        count += int(np.count_nonzero(equal))
        if len(first_ones) < 5 and equal.any():
            found = first + np.argwhere(equal)
            first_ones = np.concatenate([first_ones, found])[:5]
    return count, first_ones
