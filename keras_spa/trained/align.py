"""Aligning a trained classifier without training it."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras

from keras_spa import _checks
from keras_spa.alignment import Alignment, SpASLERP
from keras_spa.models._surgery.copy import check_copy, uncompiled_copy
from keras_spa.trained.choose_alignment import (
    aligned_weights,
    best_choice,
    collected,
    finite_class_means,
    prior_logits,
)
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe


def align(
    model: keras.Model,
    dataset: Any,
    alignment: Alignment | str | None = SpASLERP(1.0, threshold=1.0),  # noqa: B008
    logit_adjustment: float = 0.0,
    class_counts: Sequence[float] | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
    held_out: Any = None,
) -> keras.Model:
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
    strategy = alignment if isinstance(alignment, Alignment) else None
    counts, means = finite_class_means(
        itertools.chain([first], batches), observer.num_classes
    )
    weights, biases = linear_classifier(observer.model)
    if held_out is not None:
        images = collected(observe(observer, held_out, batch_size, verbose))
        choice = best_choice(weights, biases, means, counts, class_counts, *images)
        strategy, tau = choice.alignment, choice.logit_adjustment
    weights = aligned_weights(strategy, weights, means, counts)
    twins = {id(old): new for old, new in zip(model.weights, copy.weights, strict=True)}
    twins[id(observer.model.aligned_kernel)].assign(weights.T)
    if tau:
        biases = biases - tau * prior_logits(class_counts, counts)
        twins[id(classifier.bias)].assign(biases)
    return copy


def _check_alignment(
    alignment: Alignment | str | None, held_out: Any, logit_adjustment: float
) -> None:
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


def _check_bias(classifier: keras.Layer, tau: float) -> None:
    if tau and getattr(classifier, "bias", None) is None:
        raise ValueError(
            "Argument `logit_adjustment` must be 0 for a classifier without a bias. "
            f"Received: logit_adjustment={tau}, classifier {classifier.name!r}"
        )
