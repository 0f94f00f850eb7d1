"""What to do to a trained classifier, found from its training data."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, ClassCounts, Dataset
from keras_spa._warn import warn
from keras_spa.losses import log_prior
from keras_spa.metrics._inputs import listed
from keras_spa.metrics._noise import SHRINKAGE, unbiased
from keras_spa.metrics.calibration import calibration_error
from keras_spa.metrics.per_class import accuracy_per_class, within_class_covariance
from keras_spa.trained import adjustment
from keras_spa.trained._linear import checked_classifier, linear
from keras_spa.trained._passes import (
    Sample,
    augmented,
    check_held_out,
    check_repeatable,
    finite,
    finite_class_means,
    naming,
    noise_covariance,
    sampled,
)
from keras_spa.trained.alignment_choice import AlignmentChoice
from keras_spa.trained.known_images import (
    MEMORISED,
    doubt_of_known_images,
    of_known_images,
)
from keras_spa.trained.observe import Observer, observe
from keras_spa.trained.optimum import optimal_classifier


class Plan(NamedTuple):
    """An `AlignmentChoice` and what it is applied with."""

    choice: AlignmentChoice
    prior: Array  # log π (K,)
    weights: Array  # of the optimal classifier, (K, d)
    biases: Array  # (K,)

    def classifier(self, weights: Array, biases: Any) -> tuple[Array, Array]:
        """Weights and biases whose logits are `(a·z + β·z* − τ·log π)/T`."""
        a, beta, tau, temperature = self.choice.numbers
        together = a * biases + beta * self.biases - tau * self.prior
        turned = a * weights + beta * self.weights
        return turned / temperature, together / temperature


def choose_alignment(
    model: keras.Model,
    dataset: Dataset,
    held_out: Dataset | None = None,
    augment: Callable[[Any], Any] | Dataset | None = None,
    class_counts: ClassCounts | None = None,
    batch_size: int = 256,
    verbose: str | int = "auto",
    head: keras.Layer | str | None = None,
) -> AlignmentChoice:
    """What `align` does to a model, without doing it.

    Args:
        model, dataset, held_out, augment, class_counts, batch_size, verbose, head: as
            in `align`.

    Returns:
        An `AlignmentChoice`. `print(choice)` gives its verdict.

    Raises:
        ValueError: as `align`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(60, 4), np.repeat([0, 1, 2], [40, 15, 5])
    >>> choice = spa.choose_alignment(model, (x, y), verbose=0)
    >>> choice.scale
    1.0

    Reference: ours.
    """
    observer = Observer(model, head)
    return plan_alignment(
        observer, dataset, held_out, augment, class_counts, batch_size, verbose
    ).choice


def plan_alignment(
    observer: Observer,
    dataset: Dataset,
    held_out: Dataset | None,
    augment: Callable[[Any], Any] | Dataset | None,
    class_counts: ClassCounts | None,
    batch_size: int,
    verbose: str | int,
) -> Plan:
    """The `Plan` for the model that an `Observer` looks through."""
    check_repeatable(dataset)
    check_held_out(held_out, dataset)
    classifier = checked_classifier(observer)

    def seen(dataset: Dataset, argument: str) -> Any:
        return finite(observe(observer, dataset, batch_size, verbose), argument)

    sample = Sample(observer.num_classes)
    clean = sample.watch(linear(seen(dataset, "dataset"), observer))
    counts, means = finite_class_means(clean, observer.num_classes)
    prior = training_prior(class_counts, counts)
    source = "dataset" if augment is None else "augment"
    with naming(source):
        if augment is None or callable(augment):
            noisy = dataset
            if augment is not None:
                noisy = augmented(observer, dataset, augment, batch_size)
            covariance = within_class_covariance(seen(noisy, source), means, counts)
        else:
            covariance = noise_covariance(
                lambda: seen(augment, source), augment, means, counts
            )
    if augment is None:
        covariance = unbiased(covariance, counts)
    optimal = optimal_classifier(means, counts, covariance)
    logits, labels = sample.arrays()
    learnt = balanced_accuracy(logits, labels)
    t = adjustment.prior_share(logits, labels, prior, counts)
    balanced = np.ptp(prior) < adjustment.NO_RANGE
    choice = AlignmentChoice(
        tau=0.0 if balanced else 1 - adjustment.snapped(t),
        beta=adjustment.BETA,
        shrinkage=SHRINKAGE,
        prior_share=t,
    )
    if augment is None and learnt >= MEMORISED:
        doubt = doubt_of_known_images(
            observer, dataset, counts, means, batch_size, verbose
        )
        choice = of_known_images(choice, learnt, doubt)
    warn_of_guesses(logits - choice.tau * prior, labels)
    plan = Plan(choice, prior, *optimal)
    adjusted = classifier[0], classifier[1] - choice.tau * prior
    met = counts > 0
    choice = dataclasses.replace(
        choice,
        temperature=adjustment.temperature(
            adjusted, plan.classifier(*classifier), means[met], covariance
        ),
    )
    if held_out is not None:
        with naming("held_out"):
            *images, part = sampled(seen(held_out, "held_out"), *means.shape)
        choice = fitted_choice(choice, prior, classifier, optimal, *images)
        if part:
            choice = dataclasses.replace(choice, notes=(*choice.notes, part))
    return Plan(choice, prior, *optimal)


def fitted_choice(
    choice: AlignmentChoice,
    prior: Array,
    classifier: tuple[Array, Array],
    optimal: tuple[Array, Array],
    features: Array,
    labels: Array,
) -> AlignmentChoice:
    """The choice whose three numbers are fitted on held-out features (N, d)."""
    logits, aims = (features @ w.T + b for w, b in (classifier, optimal))
    *rule, temperature = choice.numbers
    start = tuple(number / temperature for number in rule)
    scale, beta, tau = adjustment.fitted(logits, aims, prior, labels, start)
    after = scale * logits + beta * aims - tau * prior
    return AlignmentChoice(
        tau,
        beta,
        scale,
        choice.shrinkage,
        choice.prior_share,
        measures(logits, labels),
        measures(after, labels),
        _lacking(labels, len(prior)),
    )


def _lacking(labels: Array, num_classes: int) -> tuple[str, ...]:
    """A sentence about the classes that held-out images lack, if there are any."""
    lacking = np.setdiff1d(np.arange(num_classes), labels)
    if not len(lacking):
        return ()
    return (f"Held-out images lack classes, fitted by the others: {listed(lacking)}.",)


def measures(logits: Array, labels: Array) -> dict[str, float]:
    """Accuracy and log loss, means over the classes, and calibration error."""
    return {
        "accuracy": balanced_accuracy(logits, labels),
        "log_loss": adjustment.log_loss(logits, labels),
        "calibration_error": calibration_error(logits, labels),
    }


def training_prior(class_counts: ClassCounts | None, counts: Array) -> Array:
    """`log(n_c/Σn)` of the training images (K,), by default those that were seen."""
    if class_counts is not None:
        counts = np.array(_checks.class_counts(class_counts, len(counts)))
    missing = np.flatnonzero(counts == 0)
    if len(missing):
        raise ValueError(
            "Argument `dataset` must hold images of every class, or `class_counts` say "
            "how many of each the model was trained on; count a class without any as "
            "1, or leave it out of the model. "
            f"Received: no images of {missing.tolist()}"
        )
    return log_prior(counts)


def warn_of_guesses(logits: Array, labels: Array) -> None:
    """Warns of decisions on training images that could as well be guesses.

    Of C classes guesses are right in 1/C of each, ± two standard errors.
    """
    counts = np.unique(labels, return_counts=True)[1]
    chance = 1 / len(counts)
    error = np.sqrt(chance * (1 - chance) * np.sum(1 / counts)) / len(counts)
    accuracy = balanced_accuracy(logits, labels)
    if accuracy <= chance + 2 * error:
        warn(
            f"The model classifies {100 * accuracy:.0f} % of each class of its training"
            f" images rightly, on average over {len(counts)} classes: no more than "
            "guessing would. Aligning it hardly helps, and leaves it as confident as "
            "it is. Are the pixels as it takes them, and the labels in the order of "
            "its outputs?",
        )


def balanced_accuracy(logits: Array, labels: Array) -> float:
    """Mean of the accuracies of the classes that have images, in [0, 1]."""
    decisions = np.argmax(logits, axis=1)
    return float(np.nanmean(accuracy_per_class(decisions, labels, logits.shape[1])))
