"""Aligning a trained classifier without training it."""

from collections.abc import Callable
from typing import Any

import keras

from keras_spa._types import ClassCounts, Dataset
from keras_spa.alignment import Alignment
from keras_spa.trained._copy import checked_copy, set_classifier
from keras_spa.trained._linear import as_read, stored_classifier
from keras_spa.trained._passes import finite_class_means
from keras_spa.trained.aligned_classifier import aligned_classifier
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.choose_alignment import plan_alignment
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer, observe


def align(
    model: keras.Model,
    dataset: Dataset,
    alignment: Alignment | None = None,
    held_out: Dataset | None = None,
    augment: Callable[[Any], Any] | Dataset | None = None,
    class_counts: ClassCounts | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> keras.Model:
    """A copy of a trained classifier, aligned without training and nothing held out.

    Its logits z become `(a·z + β·z* − τ·log π)/T`, folded into one kernel and bias:

    - `z*` are the logits of the optimal classifier in the metric of the noise,
      `theory.optimal_classifier` of the exact class means and the within-class
      covariance Σ, shrunk by 0.1; β = 0.2 in its own units, in which z* are
      log-likelihoods, and a = 1.
    - π are the training frequencies, and `τ = 1 − t`: t is found from the training
      data as the number at which `softmax(z + t·log π)` makes their labels most likely,
      and taken for 0 or 1 within 0.25 of these and beyond.
    - Σ is that of augmented images about the clean means, if `augment` is given. Once
      a model knows its images by heart, their own scatter may not be that of new
      images. Without `augment` it is believed if features midway between two images
      of a class scatter less than those of the images (else the network has drawn its
      images together), if there are at least as many images as features, and if images
      left out are classified better in its metric than by class means alone; else β is
      0.
    - T leaves all decisions as they are, and the probabilities as confident as they
      were without β: z* would make them too sure of themselves.

    With `held_out` images a, β and τ are those of the least log loss on them, each
    class counting alike: a convex problem of three unknowns, which is drawn towards
    the numbers above the more, the fewer images there are; T is then 1. Only classes
    with held-out images compete in it.

    A warning tells of a model that classifies `dataset` no better than by guessing.

    With an `alignment` the weights become its `update_weights` once, and the biases its
    `update_biases`, and nothing else changes.

    Args:
        model: A `SpAModel`, or any Keras model that `SpAModel.from_model` can split. It
            stays as it is. To be copied, a subclassed model needs a `get_config`.
        dataset: The training images without augmentation: arrays or batches, as in
            `diagnose`. They are gone through one to four times.
        alignment: None (default), or an `Alignment` that updates weights, such as
            `SpASLERP(0.25)`, or `SpASLERP.paper(0.25)` in the paper's form. At rate 1
            every weight takes the direction of its target, and what training knew
            beyond the class means is lost.
        held_out: Images as in `dataset`, which the model was not trained on, nor will
            be tested on. Of more than 20 million logits or features, a random part,
            and the card says so. Optional.
        augment: The augmentation of the training, a layer or function of a batch of
            images; or batches that come augmented, of any class frequencies if they
            can be gone through twice. Optional.
        class_counts: n, training images of each class (K,), where `dataset` holds
            others, such as a part of them. Defaults to the images of each class in
            `dataset`.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.

    Returns:
        A new model of the same type, compiled as `model` is, with an optimizer that
        begins anew. A softmax at its end stays there. The `card` of a `SpAModel` comes
        along and says that it was aligned; its accuracy, which was that of `model`, is
        left out. `choose_alignment` with the same arguments says what was done to it,
        and why; where augmentation is random, but for its draws.

    Raises:
        ValueError: a model that cannot be split or copied, a classifier without a bias
            or of another form than `h @ kernel + bias` (an activation, a scale, a
            quantized kernel), an alignment of another kind, with a schedule as its
            rate, of every n-th step, or together with `held_out`, `augment` or
            `class_counts`, labels that do not fit the model's classes, no images, data
            that can be gone through only once, features or logits that are not finite,
            `dataset` as `held_out`, too, or `dataset` without images of some class and
            no `class_counts`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> aligned = spa.align(model, (x, y), verbose=0)
    >>> turned = spa.align(model, (x, y), spa.SpASLERP(0.25), verbose=0)

    Reference: ours, on theorem T7 of docs/theory.md; logit adjustment is that of Menon
    et al. (ICLR 2021), SpA-SLERP that of Wang, Gao and Xie (AAAI 2026).
    """
    _check_alignment(
        alignment, held_out=held_out, augment=augment, class_counts=class_counts
    )
    if alignment is None:
        return align_by_rule(
            *(model, dataset, held_out, augment, class_counts),
            *(batch_size, verbose, head),
        )[0]
    observer = Observer(model, head)
    copy = checked_copy(model, observer, dataset, batch_size)
    observed = [
        observe(observer, dataset, batch_size, verbose)
        for _ in range(1 + alignment.needs_covariance)
    ]
    seen = as_read(observed[0], observer)
    counts, means = finite_class_means(seen, observer.num_classes)
    classifier = aligned_classifier(
        alignment, *stored_classifier(observer), means, counts, *observed[1:]
    )
    done = f"Aligned after training. Moved once by {alignment}."
    set_classifier(model, observer, copy, classifier, done)
    return copy


def align_by_rule(
    model: keras.Model,
    dataset: Dataset,
    held_out: Dataset | None = None,
    augment: Callable[[Any], Any] | Dataset | None = None,
    class_counts: ClassCounts | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> tuple[keras.Model, AlignmentChoice]:
    """What `align` and `choose_alignment` return, from one look at the data."""
    observer = Observer(model, head)
    copy = checked_copy(model, observer, dataset, batch_size)
    plan = plan_alignment(
        observer, dataset, held_out, augment, class_counts, batch_size, verbose
    )
    weights, biases = linear_classifier(observer.model)
    done = f"Aligned after training. {plan.choice}"
    set_classifier(model, observer, copy, plan.classifier(weights, biases), done)
    return copy, plan.choice


def _check_alignment(alignment: Alignment | None, **others: Any) -> None:
    moves = isinstance(alignment, Alignment) and (
        type(alignment).update_weights is not Alignment.update_weights
    )
    if not (moves or alignment is None):
        raise ValueError(
            "Argument `alignment` must be None or an Alignment that updates weights, "
            f"such as SpASLERP. Received: alignment={alignment!r}"
        )
    rate, every = getattr(alignment, "rate", None), getattr(alignment, "every", 1)
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) or every != 1:
        raise ValueError(
            "Argument `alignment` must have a number as its rate, and every=1: it has "
            f"one step alone. Received: alignment={alignment!r}"
        )
    for name, value in others.items():
        if alignment is not None and value is not None:
            raise ValueError(
                f"Argument `{name}` must be None with an `alignment`, which is taken "
                f"as it is. Received: {name} of type {type(value).__name__}"
            )
