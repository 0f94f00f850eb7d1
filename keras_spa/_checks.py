"""Argument checks shared by the public classes: each raises a clear ValueError."""

import math
import numbers
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_spa._types import ClassCounts, Labels


def number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> float:
    """`value` as a float, if it is a finite number in [low, high]."""
    real = isinstance(value, (numbers.Real, np.number)) and not isinstance(value, bool)
    if not (real and math.isfinite(value) and low <= value <= high):
        limits = "" if (low, high) == (-math.inf, math.inf) else f" in [{low}, {high}]"
        raise ValueError(
            f"Argument `{name}` must be a finite number{limits}. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def positive(name: str, value: Any) -> float:
    """`value` as a float, if it is a finite number above 0."""
    if number(name, value) <= 0:
        raise ValueError(
            f"Argument `{name}` must be a positive number. Received: {name}={value!r}"
        )
    return float(value)


def integer(name: str, value: Any, low: float, high: float = math.inf) -> int:
    """`value` as an int, if it is a whole number in [low, high]."""
    whole = isinstance(value, (numbers.Integral, np.integer))
    if isinstance(value, bool) or not whole or not low <= value <= high:
        limits = f"of at least {low}" if high == math.inf else f"in {low}..{high}"
        raise ValueError(
            f"Argument `{name}` must be an integer {limits}. Received: {name}={value!r}"
        )
    return int(value)


def choice(name: str, value: Any, options: Iterable[Any]) -> Any:
    """`value`, if it is one of `options`, of the same type (1 is not True)."""
    if not any(type(value) is type(option) and value == option for option in options):
        expected = ", ".join(repr(option) for option in options)
        raise ValueError(
            f"Argument `{name}` must be one of {expected}. Received: {name}={value!r}"
        )
    return value


def class_counts(counts: ClassCounts, num_classes: int | None = None) -> list[float]:
    """Training images a class as a list of positive numbers, `num_classes` of them.

    A dict, Counter or pandas Series is put in the order of its keys, the classes.
    """
    array = np.asarray(by_class("class_counts", counts))
    if array.ndim != 1 or len(array) < 2 or array.dtype.kind not in "iuf":
        raise ValueError(
            "Argument `class_counts` must be at least 2 numbers, the training images "
            "of each class: a list, an array, or a dict, Counter or pandas Series "
            f"with the keys 0..K−1. Received: class_counts={counts!r}"
        )
    bad = np.flatnonzero(~(np.isfinite(array) & (array > 0)))
    if bad.size:
        wrong = {int(c): array[c].item() for c in bad[:5]}
        raise ValueError(
            "Argument `class_counts` must be positive and finite for every class. "
            f"Received (class: count): {wrong}"
        )
    if num_classes not in (None, len(array)):
        raise ValueError(
            f"Argument `class_counts` must hold one count for each of {num_classes} "
            f"classes. Received: {len(array)} counts"
        )
    return array.tolist()


def by_class(name: str, counts: Any) -> Any:
    """Counts in the order of the classes, if they come with keys, else as they are."""
    named = isinstance(counts, Mapping)
    if not named and not (hasattr(counts, "to_dict") and hasattr(counts, "index")):
        return counts
    by_key = dict(counts) if named else counts.to_dict()
    whole = all(
        isinstance(key, (int, np.integer)) and not isinstance(key, bool)
        for key in by_key
    )
    if not whole or len(by_key) < len(counts) or {*by_key} != {*range(len(by_key))}:
        keys = ", ".join(map(repr, list(by_key)[:10]))
        raise ValueError(
            f"Argument `{name}` must have the keys 0..K−1, the classes, each once, in "
            f"any order. Received: {type(counts).__name__} of {len(counts)} counts "
            f"with the keys {keys}{', …' if len(by_key) > 10 else ''}"
        )
    return [by_key[c] for c in range(len(by_key))]


def labels_given(labels: Any) -> None:
    """Raises if there are none."""
    if labels is None:
        raise ValueError(
            "Argument `y`, the labels, must be given: arrays `(x, y)`, as in "
            "`fit(x, y)`, or batches `(x, y)`. Received: y=None"
        )


def label_shape(labels: Labels, num_classes: int) -> str:
    """Whether labels are `"integer"`, (B,) or (B, 1), or `"soft"`, (B, K)."""
    shape = tuple(labels.shape)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return "integer"
    if len(shape) == 2 and shape[1] == num_classes:
        return "soft"
    raise ValueError(
        f"Argument `labels` must be integers of shape (B,) or (B, 1), or soft labels "
        f"of shape (B, {num_classes}). Received: labels.shape={shape}"
    )


def label_values(labels: Labels, num_classes: int) -> None:
    """Raises unless the host array `labels` fits `num_classes` classes."""
    labels = np.asarray(labels)
    kind = label_shape(labels, num_classes)
    if labels.dtype.name == "bfloat16":  # to NumPy a type of unknown kind
        labels = labels.astype("float32")
    if labels.dtype.kind not in "iufb":
        raise ValueError(
            f"Argument `labels` must be numbers in 0..{num_classes - 1}. "
            f"Received: labels.dtype={labels.dtype}"
        )
    if kind == "integer":
        wrong = labels[~((labels >= 0) & (labels < num_classes) & (labels % 1 == 0))]
        expected = f"integers in 0..{num_classes - 1}"
    else:
        wrong = labels[~((labels >= 0) & np.isfinite(labels))]
        expected = "finite non-negative weights of the classes"
    if wrong.size:
        examples = ", ".join(str(value) for value in wrong.ravel()[:5])
        raise ValueError(
            f"Argument `labels` must be {expected}. "
            f"Received {wrong.size} other values of {labels.size}, such as {examples}"
        )


def label_values_if_known(labels: Labels, num_classes: int) -> None:
    """`label_values` for a tensor whose values can be read here and now.

    They cannot while a graph is traced, nor without copying from a PyTorch GPU.
    """
    torch = sys.modules.get("torch")
    if torch and torch.compiler.is_compiling():  # reading would split the graph
        return
    try:
        labels = np.asarray(labels)
    except (NotImplementedError, TypeError, RuntimeError):
        return
    label_values(labels, num_classes)
