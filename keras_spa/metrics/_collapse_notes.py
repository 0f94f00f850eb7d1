"""What `NeuralCollapse` has to say about what is missing or cannot be."""

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
) -> list[str]:
    """Sentences; [] if all is well.

    Args:
        counts: Images of each class (K,).
        means: μ of the classes with images.
        weights: Theirs, or None.
        metric: Σ, or None if the features do not scatter.
        sampled: Images of each class whose features were kept (K,).
    """
    met = np.flatnonzero(counts)
    notes = []
    if len(met) < len(counts):
        missing = np.flatnonzero(counts == 0)
        notes.append(f"Classes without images, left out: {_inputs.listed(missing)}.")
    if means.shape[1] < len(met) - 1:
        notes.append(
            f"A simplex ETF of {len(met)} classes needs {len(met) - 1} dimensions; "
            f"with {means.shape[1]}, NC2 cannot reach 0."
        )
    distances = _pairs.squared_distances(means)
    if not distances.any():
        notes.append("The means of all classes coincide: features tell none apart.")
    elif len(pairs := np.argwhere(np.triu(distances == 0, 1))):
        same = ", ".join(f"{met[i]} and {met[j]}" for i, j in pairs[:5])
        notes.append(f"Classes whose means coincide: {same}.")
    if weights is not None and len(zero := met[~weights.any(axis=1)]):
        notes.append(f"Classes whose weights are 0: {_inputs.listed(zero)}.")
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
