"""How well a classifier recognises images: of all, by shots, by class."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_softmax

import keras_spa as spa
from keras_spa import markdown
from keras_spa._types import Array
from keras_spa.data._labels import distinct

ROWS = {
    "accuracy": ("accuracy", 100),
    "balanced_accuracy": ("balanced accuracy", 100),
    "many": ("many (> 100 training images)", 100),
    "medium": ("medium (20..100)", 100),
    "few": ("few (< 20)", 100),
    "log_loss": ("log loss", 1),
    "balanced_log_loss": ("balanced log loss", 1),
    "calibration_error": ("calibration error (ECE)", 100),
}


class Judged(NamedTuple):
    """What a classifier said of images.

    Args:
        logits: (N, K).
        labels: (N,).
    """

    logits: Array
    labels: Array

    def accuracies(self) -> Array:
        """Of each class (K,), in [0, 1]; NaN without images."""
        decisions = np.argmax(self.logits, axis=1)
        num_classes = self.logits.shape[1]
        return spa.metrics.accuracy_per_class(decisions, self.labels, num_classes)

    def measures(self, class_counts: Array) -> dict[str, float]:
        """The measures of `ROWS`; NaN for groups without images.

        "Balanced" are means over the classes of their means over images.
        """
        losses = -log_softmax(np.asarray(self.logits, "float64"), axis=1)
        losses = losses[np.arange(len(self.labels)), self.labels]
        classes, members = np.unique(self.labels, return_inverse=True)
        by_class = np.bincount(members, losses) / np.bincount(members)
        accuracies = self.accuracies()
        decisions = np.argmax(self.logits, axis=1)
        return {
            "accuracy": float(np.mean(decisions == self.labels)),
            "balanced_accuracy": float(np.nanmean(accuracies)),
            **spa.metrics.shot_means(accuracies, np.maximum(class_counts, 1e-9)),
            "log_loss": float(losses.mean()),
            "balanced_log_loss": float(by_class.mean()),
            "calibration_error": spa.metrics.calibration_error(
                self.logits, self.labels
            ),
        }

    def confusions(self, class_names: Sequence[str], most: int = 10) -> list[str]:
        """What is taken for another class most often, in words."""
        decisions = np.argmax(self.logits, axis=1)
        wrong = decisions != self.labels
        pairs = np.stack([self.labels[wrong], decisions[wrong]], axis=1)
        if not len(pairs):
            return []
        pairs, often = np.unique(pairs, axis=0, return_counts=True)
        images = np.bincount(self.labels)
        worst = np.argsort(-often, kind="stable")[:most]
        names = distinct(class_names)
        return [
            f"{often[i]} of {images[c]} {names[c]!r} are taken for {names[other]!r}"
            for i, (c, other) in zip(worst, pairs[worst], strict=True)
        ]


def judge(model: Any, batches: Any, batch_size: int) -> Judged:
    """What a model, or an `Observer` of it, says of batches."""
    seen = spa.trained.observe(model, batches, batch_size, verbose=0)
    kept = [(logits, labels) for _, logits, labels in seen]
    logits, labels = map(np.concatenate, zip(*kept, strict=True))
    return Judged(logits, labels)


def shares(measures: dict[str, float]) -> dict[str, float]:
    """The accuracies among the measures, in [0, 1]."""
    names = ("accuracy", "balanced_accuracy", "many", "medium", "few")
    return {name.replace("_", " "): measures[name] for name in names}


def rows(columns: dict[str, dict[str, float]]) -> list[list[str]]:
    """A table of measures, a column each, with the header first."""
    table = [["", *columns]]
    for name, (title, factor) in ROWS.items():
        values = [factor * measures[name] for measures in columns.values()]
        if not all(np.isnan(values)):
            unit = " (%)" if factor == 100 else ""
            digits = 1 if factor == 100 else 3
            table.append([title + unit, *(f"{value:.{digits}f}" for value in values)])
    return table


def text(columns: dict[str, dict[str, float]]) -> str:
    """The table for the screen."""
    return markdown.table(rows(columns))
