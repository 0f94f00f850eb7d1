"""Aligning a trained classifier without training it."""

import itertools
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa.alignment import Alignment, SpASLERP
from keras_spa.losses import log_prior
from keras_spa.models._surgery.copy import check_copy, uncompiled_copy
from keras_spa.trained.observe import Observer, gather, linear_classifier, observe

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


class PostHoc(NamedTuple):
    """What `align` does to a classifier, and what that brought on held-out images.

    Args:
        alignment: An `Alignment`, or None: weights stay.
        logit_adjustment: τ of the logit adjustment; 0 for none.
        accuracy: Held-out accuracy with both, the mean over classes, in [0, 1].
        untouched: The same of the model as it was.

    Example:

    >>> import keras_spa as spa
    >>> chosen = spa.PostHoc(spa.SpASLERP(0.25, 1.0), 0.5, accuracy=0.4, untouched=0.3)
    >>> chosen.logit_adjustment
    0.5

    Reference: ours.
    """

    alignment: Alignment | None
    logit_adjustment: float
    accuracy: float
    untouched: float


def align(
    model,
    dataset,
    alignment=SpASLERP(1.0, threshold=1.0),  # noqa: B008 (it has no state)
    logit_adjustment=0.0,
    class_counts=None,
    batch_size=256,
    verbose="auto",
    head=None,
    held_out=None,
):
    """A copy of a trained classifier, aligned with its class means without training.

    One pass over the data gives the exact class means μ; then the classifier's weights
    become `alignment.update_weights(W, μ, …)` once, and its biases
    `b_c − τ·log(n_c/Σn)`: logit adjustment, as an option. With `alignment="auto"`
    held-out images decide about both, as in `choose_alignment`.

    Args:
        model: A `SpAModel`, or any Keras model that `SpAModel.from_model` can split. It
            stays as it is. To be copied, a subclassed model needs a `get_config`.
        dataset: The training images without augmentation: arrays or batches, as in
            `diagnose`.
        alignment: An `Alignment` that updates weights, None to leave them, or
            `"auto"`. Defaults to `SpASLERP(1.0, threshold=1.0)`: every weight takes the
            direction of its class mean, and keeps its length.
        logit_adjustment: τ, at least 0. Defaults to 0, no adjustment; `"auto"` chooses
            its own.
        class_counts: n, training images of each class (K,), for the adjustment.
            Defaults to the images of each class in `dataset`.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.
        held_out: For `"auto"`: images as in `dataset`, which the model was not trained
            on, nor will be tested on.

    Returns:
        A new model of the same type, not compiled. A softmax at its end stays there.

    Raises:
        ValueError: a model that cannot be split or copied, an alignment of another
            kind, labels that do not fit the model's classes, no images, `"auto"`
            without `held_out` or the reverse, or an adjustment where the classifier
            has no bias.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(30, 4), np.arange(30) % 3
    >>> aligned = spa.align(model, (x, y), spa.SpASLERP(0.25, threshold=1.0), verbose=0)
    >>> before, after = (spa.diagnose(m, (x, y), verbose=0) for m in (model, aligned))

    Reference: SpA-SLERP of Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters";
    one update after training is ours. Logit adjustment: Menon et al. (ICLR 2021).
    """
    observer = Observer(model, head)
    _check_alignment(alignment, held_out, logit_adjustment)
    tau = _checks.number("logit_adjustment", logit_adjustment, 0)
    classifier = observer.model.classifier
    _check_bias(classifier, tau)
    copy = uncompiled_copy(model)
    batches = observe(observer, dataset, batch_size, verbose)
    first = next(batches)
    check_copy(model, copy, observer.images)
    counts, means, _ = gather(itertools.chain([first], batches))
    weights, biases = linear_classifier(observer.model)
    if held_out is not None:
        images = observe(observer, held_out, batch_size, verbose)
        _, _, seen = gather(images, keep=True)
        best = _best(weights, biases, means, counts, class_counts, *seen)
        alignment, tau = best.alignment, best.logit_adjustment
    weights = aligned(alignment, weights, means, counts)
    twins = {id(old): new for old, new in zip(model.weights, copy.weights, strict=True)}
    twins[id(observer.model.aligned_kernel)].assign(weights.T)
    if tau:
        biases = biases - tau * _log_prior(class_counts, counts)
        twins[id(classifier.bias)].assign(biases)
    return copy


def choose_alignment(
    model,
    dataset,
    held_out,
    class_counts=None,
    batch_size=256,
    verbose="auto",
    head=None,
):
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
        A `PostHoc`: its first two fields are arguments of `align`.

    Raises:
        ValueError: as `align`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.arange(60) % 3
    >>> train, held_out = (x[:30], y[:30]), (x[30:], y[30:])
    >>> chosen = spa.choose_alignment(model, train, held_out, verbose=0)
    >>> chosen.accuracy >= chosen.untouched
    True
    >>> aligned = spa.align(model, train, *chosen[:2], verbose=0)

    Reference: ours.
    """
    observer = Observer(model, head)
    counts, means, _ = gather(observe(observer, dataset, batch_size, verbose))
    held_out = observe(observer, held_out, batch_size, verbose)
    _, _, (features, labels) = gather(held_out, keep=True)
    weights, biases = linear_classifier(observer.model)
    return _best(weights, biases, means, counts, class_counts, features, labels)


def _best(weights, biases, means, counts, class_counts, features, labels):
    """The `PostHoc` of the candidate that does best on these features."""
    adjustments = (0.0,) if biases is None else ADJUSTMENTS
    biases = np.zeros(len(weights)) if biases is None else biases
    prior = _log_prior(class_counts, counts)
    best = untouched = None
    for alignment in CANDIDATES:
        logits = features @ aligned(alignment, weights, means, counts).T + biases
        for tau in adjustments:
            accuracy = _balanced_accuracy(logits - tau * prior, labels)
            if best is None:
                untouched = accuracy
            if best is None or accuracy > best.accuracy:
                best = PostHoc(alignment, tau, accuracy, untouched)
    return best


def aligned(alignment, weights, means, counts):
    """The weights (K, d) after one update; the input if `alignment` is None."""
    if alignment is None:
        return weights
    arrays = (np.asarray(a, "float32") for a in (weights, means, counts > 0))
    tensors = (ops.convert_to_tensor(array) for array in arrays)
    return ops.convert_to_numpy(alignment.update_weights(*tensors, step=0))


def _log_prior(class_counts, counts):
    if class_counts is not None:
        counts = np.array(_checks.class_counts(class_counts, len(counts)))
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        raise ValueError(
            "Argument `class_counts` must be given for a logit adjustment where "
            f"`dataset` lacks classes. Received: no images of {missing.tolist()}"
        )
    return log_prior(counts)


def _balanced_accuracy(logits, labels):
    right = np.argmax(logits, axis=1) == labels
    return float(np.mean([right[labels == c].mean() for c in np.unique(labels)]))


def _check_alignment(alignment, held_out, logit_adjustment):
    auto = isinstance(alignment, str) and alignment == "auto"
    if auto != (held_out is not None) or (auto and logit_adjustment):
        raise ValueError(
            'Argument `held_out` must be given with alignment="auto", and only then, '
            "without a `logit_adjustment`. Received: "
            f"held_out={type(held_out).__name__}, alignment={alignment!r}, "
            f"logit_adjustment={logit_adjustment}"
        )
    moves = isinstance(alignment, Alignment) and (
        type(alignment).update_weights is not Alignment.update_weights
    )
    if not (auto or moves or alignment is None):
        raise ValueError(
            "Argument `alignment` must be an Alignment that updates weights, such as "
            f'SpASLERP, None or "auto". Received: alignment={alignment!r}'
        )


def _check_bias(classifier, tau):
    if tau and getattr(classifier, "bias", None) is None:
        raise ValueError(
            "Argument `logit_adjustment` must be 0 for a classifier without a bias. "
            f"Received: logit_adjustment={tau}, classifier {classifier.name!r}"
        )
