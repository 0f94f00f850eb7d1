"""Which alignment serves a trained classifier best, on held-out images."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.alignment import Alignment, SpASLERP
from keras_spa.class_statistics import ClassStatistics
from keras_spa.losses import log_prior
from keras_spa.metrics.per_class import accuracy_per_class, exact_class_means
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe

RATES = (0.1, 0.25, 0.5, 0.75, 1.0)
ADJUSTMENTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
CANDIDATES = (
    None,
    *(
        SpASLERP(rate, threshold=1.0, center=center, norm=norm)
        for center in (True, False)
        for norm in ("keep", "equal")
        for rate in RATES
    ),
)


def choose_alignment(
    model: keras.Model,
    dataset: Any,
    held_out: Any,
    class_counts: Sequence[float] | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> AlignmentChoice:
    """What `align` should do to a model, by its accuracy on held-out images.

    Tries no alignment and SpA-SLERP with rates from 0.1 to 1, centred and un-centred
    means, kept and equal lengths; each with logit adjustments from 0 to 1.5. Features
    are computed once. The best mean of the classes' accuracies wins; of equals, the
    one that changes less.

    Some of 147 candidates is best by chance: on few images expect less on others.

    Args:
        model, dataset, class_counts, batch_size, verbose, head: as in `align`.
        held_out: Images the model was not trained on, nor will be tested on; arrays or
            batches as in `diagnose`.

    Returns:
        An `AlignmentChoice`: its first two fields are arguments of `align`.

    Raises:
        ValueError: as `align`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.arange(60) % 3
    >>> train, held_out = (x[:30], y[:30]), (x[30:], y[30:])
    >>> choice = spa.choose_alignment(model, train, held_out, verbose=0)
    >>> choice.accuracy >= choice.untouched
    True
    >>> aligned = spa.align(model, train, *choice[:2], verbose=0)

    Reference: ours.
    """
    observer = Observer(model, head)
    counts, means = finite_class_means(
        observe(observer, dataset, batch_size, verbose), observer.num_classes
    )
    images = collected(observe(observer, held_out, batch_size, verbose))
    classifier = linear_classifier(observer.model)
    return best_choice(*classifier, means, counts, class_counts, *images)


def best_choice(
    weights: Array,
    biases: Array | None,
    means: Array,
    counts: Array,
    class_counts: Sequence[float] | None,
    features: Array,
    labels: Array,
) -> AlignmentChoice:
    """The `AlignmentChoice` that does best on these features (N, d)."""
    adjustments = (0.0,) if biases is None else ADJUSTMENTS
    biases = np.zeros(len(weights)) if biases is None else biases
    prior = prior_logits(class_counts, counts)
    choices = []
    for alignment in CANDIDATES:
        rows = aligned_weights(alignment, weights, means, counts)
        logits = features @ rows.T + biases
        for tau in adjustments:
            accuracy = _balanced_accuracy(logits - tau * prior, labels)
            choices.append((alignment, tau, accuracy))
    best = max(choices, key=lambda choice: choice[2])  # of equals, the first
    return AlignmentChoice(*best, untouched=choices[0][2])


def aligned_weights(
    alignment: Alignment | None, weights: Array, means: Array, counts: Array
) -> Array:
    """A classifier's weights after one `update_weights` with exact class means.

    Args:
        alignment: An `Alignment`, or None: the weights come back as they are.
        weights: W (K, d), row c the weight of class c.
        means: M (K, d), row c the mean feature of class c.
        counts: Images of each class (K,); 0 for classes to leave alone.

    Returns:
        NumPy array (K, d).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> weights, means = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> slerp = spa.SpASLERP(0.5)
    >>> spa.trained.aligned_weights(slerp, weights, means, np.array([9])).round(3)
    array([[1.414, 1.414]], dtype=float32)

    Reference: ours.
    """
    if alignment is None:
        return weights
    arrays = (np.asarray(a, "float32") for a in (weights, means, counts > 0))
    rows, means, seen = (ops.convert_to_tensor(array) for array in arrays)
    statistics = ClassStatistics(means, seen)
    return ops.convert_to_numpy(alignment.update_weights(rows, statistics, step=0))


def finite_class_means(observed: Any, num_classes: int) -> tuple[Array, Array]:
    """Counts (K,) and means (K, d) of the classes in what `observe` yields."""
    batches = ((features, labels) for features, _, labels in observed)
    counts, means = exact_class_means(batches, num_classes)
    if not np.isfinite(means).all():
        raise ValueError(
            "Argument `dataset` must give finite features. Received: NaN or infinity; "
            "keras_spa.diagnose names the batch"
        )
    return counts, means


def collected(observed: Any) -> tuple[Array, Array]:
    """All features (N, d), float32, and labels (N,) of what `observe` yields."""
    kept = [(features.astype("float32"), labels) for features, _, labels in observed]
    features, labels = map(np.concatenate, zip(*kept, strict=True))
    if not np.isfinite(features).all():
        raise ValueError(
            "Argument `held_out` must give finite features. Received: NaN or infinity"
        )
    return features, labels


def prior_logits(class_counts: Sequence[float] | None, counts: Array) -> Array:
    """`log(n_c/Σn)` of the training images (K,), by default those that were seen."""
    if class_counts is not None:
        counts = np.array(_checks.class_counts(class_counts, len(counts)))
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        raise ValueError(
            "Argument `class_counts` must be given for a logit adjustment where "
            f"`dataset` lacks classes. Received: no images of {missing.tolist()}"
        )
    return log_prior(counts)


def _balanced_accuracy(logits: Array, labels: Array) -> float:
    """Mean over the classes that have images of their accuracies."""
    accuracies = accuracy_per_class(np.argmax(logits, axis=1), labels, logits.shape[1])
    return float(np.mean(accuracies[np.isfinite(accuracies)]))
