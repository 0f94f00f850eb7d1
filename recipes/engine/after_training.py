"""Methods that improve a trained classifier, compared on the same features."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from engine.evaluation import shot_accuracies
from engine.measures import features_and_labels
from keras_spa.losses import log_prior
from keras_spa.metrics import calibration_error
from keras_spa.trained import (
    AlignmentChoice,
    Observer,
    aligned_classifier,
    convert_head,
    linear_classifier,
    retrain_head,
    scale_head,
)
from keras_spa.trained.choose_alignment import Plan, fitted_choice, plan_alignment
from keras_spa.trained.linear_classifier import readable
from reporting import posthoc_page
from reporting.posthoc_page import (
    ADJUSTED,
    ADJUSTED_FIT,
    ADJUSTED_FIT_OF_TEN,
    ALIGNED,
    CHOSEN,
    FITTED,
    FITTED_OF_TEN,
    FOLLOWED,
    PAPER,
    RETRAINED,
    RETRAINED_ALIGNED,
    SCALED,
    TEN,
    UNTOUCHED,
)

TAUS = np.linspace(0, 1.5, 16)
SHARES = np.linspace(0, 1, 11)
TURNS = {
    method: [
        spa.SpASLERP.paper(rate, 1.0, center=center, norm=norm, biases=biases)
        for center in (True, False)
        for norm in ("keep", "equal")
        for rate in (0.1, 0.25, 0.5, 0.75, 1.0)
    ]
    for method, biases in ((PAPER, "keep"), (FOLLOWED, "follow"))
}
LDAM_SCALE = 30.0  # of the cosines in its loss
Classifier = tuple[Any, Any]  # weights (K, d) and biases (K,)


def candidates(
    weights: Any, biases: Any, means: np.ndarray, counts: np.ndarray
) -> dict[str, list[Classifier]]:
    """`{method: [(weights, biases)]}`, what each may choose from; the first does least.

    Tau-normalisation, w/‖w‖^τ without biases, and the nearest class mean by cosine are
    those of Kang et al. (ICLR 2020); logit adjustment is that of Menon et al. (ICLR
    2021).
    """
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    zero = np.zeros_like(biases)
    prior = log_prior(counts)
    directions = _unit(means)
    turned = {
        method: [
            aligned_classifier(alignment, weights, biases, means, counts)
            for alignment in alignments
        ]
        for method, alignments in TURNS.items()
    }
    return {
        UNTOUCHED: [(weights, biases)],
        "tau-normalisation": [(weights / lengths**share, zero) for share in SHARES],
        "nearest class mean": [(directions, zero)],
        **{method: [(weights, biases), *some] for method, some in turned.items()},
        ADJUSTED: [(weights, biases - prior)],
        CHOSEN: [(weights, biases - tau * prior) for tau in TAUS],
    }


def with_bias(model: keras.Model) -> keras.Model:
    """The model, with a Dense that has biases in place of a classifier of cosines."""
    split = Observer(model).model
    if getattr(split.classifier, "bias", None) is not None:
        return model
    return convert_head(model, LDAM_SCALE if readable(split).bare else None)


def compare(
    model: keras.Model,
    data: spa.data.LongTailedData,
    augment: Callable[[Any], Any] | None = None,
) -> tuple[posthoc_page.Accuracies, dict[str, dict[str, Any]]]:
    """Accuracies after each method, and what `spa.align` found and did.

    Accuracies, `{method: {"all", "many", "medium", "few", "calibration error"}}`, are
    those on the test images in percent, as is the expected calibration error there.
    Without validation images, the methods that choose or fit something on them are left
    out. The classifier has biases.
    """
    observer = Observer(model)
    splits = {
        name: features_and_labels(observer, tuple(split))
        for name in ("train", "validation", "test")
        if (split := getattr(data, name)) is not None
    }
    weights, biases = linear_classifier(observer.model)
    counts = data.class_counts
    _, means = spa.metrics.exact_class_means([splits["train"]], len(counts))
    classifiers = {
        method: _best(options, splits.get("validation"))
        for method, options in candidates(weights, biases, means, counts).items()
        if len(options) == 1 or "validation" in splits
    }
    classifiers |= second_stage(model, tuple(data.train), augment)
    plan = plan_alignment(observer, tuple(data.train), None, augment, None, 500, 0)
    plans = {ALIGNED: plan}
    if "validation" in splits:
        plans |= fitted_plans(plan, (weights, biases), *splits["validation"])
    classifiers |= {
        method: plan.classifier(weights, biases) for method, plan in plans.items()
    }
    accuracies = {}
    for method, (kernel, offsets) in classifiers.items():
        features, labels = splits["test"]
        per_class = 100 * _accuracy_per_class(features, labels, kernel, offsets)
        logits = features @ kernel.T + offsets
        accuracies[method] = {
            "all": per_class.mean(),  # the test set is balanced
            **shot_accuracies(per_class, counts),
            posthoc_page.CALIBRATION: 100 * calibration_error(logits, labels),
        }
    return accuracies, {name: _as_stored(one.choice) for name, one in plans.items()}


def fitted_plans(
    plan: Plan, classifier: Classifier, features: np.ndarray, labels: np.ndarray
) -> dict[str, Plan]:
    """`spa.align`, and logit adjustment, fitted on held-out images by log loss.

    Adjustment is `a·z − τ·log π`: the fit of `spa.align` with a z* that tells no class
    from another. Both also on the first ten images of each class, where there are more.
    """
    none = np.zeros_like(plan.weights), np.zeros_like(plan.biases)
    few = np.concatenate([np.flatnonzero(labels == c)[:TEN] for c in np.unique(labels)])
    samples: dict[tuple[str, str], Any] = {(FITTED, ADJUSTED_FIT): slice(None)}
    if len(few) < len(labels):
        samples[FITTED_OF_TEN, ADJUSTED_FIT_OF_TEN] = few
    plain = dataclasses.replace(plan.choice, beta=0.0, temperature=1.0)
    starts = plan, Plan(plain, plan.prior, *none)
    plans = {}
    for names, part in samples.items():
        images = features[part], labels[part]
        for method, (choice, prior, *optimum) in zip(names, starts, strict=True):
            choice = fitted_choice(choice, prior, classifier, tuple(optimum), *images)
            plans[method] = Plan(choice, prior, *optimum)
    return plans


def second_stage(
    model: keras.Model, train: Any, augment: Callable[[Any], Any] | None
) -> dict[str, Classifier]:
    """Heads trained on the features, with the defaults of `keras_spa.trained`."""
    same: dict[str, Any] = {"augment": augment, "verbose": 0}
    models = {
        RETRAINED: retrain_head(model, train, **same),
        RETRAINED_ALIGNED: retrain_head(model, train, spa.SpASLERP(), **same),
        SCALED: scale_head(model, train, **same),
    }
    return {
        name: linear_classifier(Observer(one).model) for name, one in models.items()
    }


def _as_stored(choice: AlignmentChoice) -> dict[str, Any]:
    """As JSON holds it; the measures of a fit are in the verdict."""
    fields = dataclasses.asdict(choice)
    numbers = {name: one for name, one in fields.items() if isinstance(one, float)}
    return {**numbers, "verdict": choice.verdict}


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _best(
    options: list[Classifier], held_out: tuple[np.ndarray, np.ndarray] | None
) -> Classifier:
    """The one most accurate on the held-out images, where there is a choice."""
    if held_out is None or len(options) == 1:
        return options[0]
    scores = [_accuracy_per_class(*held_out, *one).mean() for one in options]
    return options[int(np.argmax(scores))]


def _accuracy_per_class(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, biases: np.ndarray
) -> np.ndarray:
    decisions = np.argmax(features @ weights.T + biases, axis=1)
    return spa.metrics.accuracy_per_class(decisions, labels, len(weights))
