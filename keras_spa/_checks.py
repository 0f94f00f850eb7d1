"""Argument checks shared by the public classes: each raises a clear ValueError."""

import math
import numbers
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_spa import _arrays
from keras_spa._types import Array, ClassCounts

LARGEST = 2**31 - 1  # of an integer: beyond it no array has room


def number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf
) -> float:
    """`value` as a float, if it is a finite number in [low, high]."""
    real = isinstance(value, (numbers.Real, np.number)) and not isinstance(value, bool)
    # Compared, not asked whether it is finite: no float holds 10**400.
    if not (real and abs(value) <= sys.float_info.max and low <= value <= high):
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


def integer(name: str, value: Any, low: int, high: int = LARGEST) -> int:
    """`value` as an int, if it is a whole number in [low, high]."""
    whole = isinstance(value, (numbers.Integral, np.integer))
    if isinstance(value, bool) or not whole or not low <= value <= high:
        most = high < LARGEST or whole and value > high
        limits = f"in {low}..{high}" if most else f"of at least {low}"
        raise ValueError(
            f"Argument `{name}` must be an integer {limits}. Received: {name}={value!r}"
        )
    return int(value)


def class_names(given: Any) -> tuple[str, ...]:
    """Class names, of a sequence or an array (K,), as a tuple; some may be the same."""
    sequence = isinstance(given, Sequence) and not isinstance(given, (str, bytes))
    listed = sequence or getattr(given, "ndim", None) == 1
    if not (listed and all(isinstance(name, str) for name in given)):
        raise ValueError(
            "Argument `class_names` must be a list of strings, or an array (K,) of "
            f"them. Received: class_names={given!r}"
        )
    return tuple(map(str, given))  # NumPy's strings are of a type of their own


def seed(name: str, value: Any) -> int:
    """`value` as an int, if NumPy takes it as a seed."""
    return integer(name, value, 0, 2**32 - 1)


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
    array = _arrays.array("class_counts", by_class("class_counts", counts))
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
            "Argument `class_counts` must be positive and finite for every class; "
            "count one without training images as 1, or leave it out of the model. "
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


def only(structure: Any) -> Any:
    """What a list, tuple or dict of one holds; anything else as it is."""
    while isinstance(structure, (list, tuple, Mapping)) and len(structure) == 1:
        if isinstance(structure, Mapping):
            structure = [*structure.values()]
        structure = structure[0]
    return structure


def loss_reduction(model: Any) -> Any:
    """How the loss of a compiled model makes one number of a batch."""
    of_loss = getattr(only(model.loss), "reduction", "sum_over_batch_size")
    return getattr(model, "loss_reduction", None) or of_loss


def sum_tolerance(dtype: Any) -> float:
    """By how much the sum of probabilities, once rounded to `dtype`, may miss 1."""
    return 1e-2 if "float16" in str(dtype) else 1e-3  # bfloat16, too


def are_probabilities(outputs: Any, dtype: Any = None) -> bool:
    """Whether all rows of a host array (B, K) are probabilities: no logits.

    `dtype` is the one that they were rounded to, if not their own.
    """
    tolerance = sum_tolerance(dtype or getattr(outputs, "dtype", None))
    outputs = np.asarray(outputs, "float64")
    if outputs.ndim != 2 or not outputs.size:
        return False
    sums = np.abs(outputs.sum(axis=1) - 1) <= tolerance
    return bool((outputs >= 0).all() and sums.all())


def known(tensor: Any) -> Array | None:
    """The values of a tensor, if they can be read here and now; else None.

    They cannot while a graph is traced, nor without copying from a PyTorch GPU.
    """
    if isinstance(tensor, keras.KerasTensor):
        return None
    torch = sys.modules.get("torch")
    if torch and torch.compiler.is_compiling():  # reading would split the graph
        return None
    if torch and isinstance(tensor, torch.Tensor):
        tensor = tensor.detach()
    try:
        return np.asarray(tensor)
    except (NotImplementedError, TypeError, RuntimeError):
        return None


def named(thing: Any) -> str:
    """How errors show a layer or model: `Dense named 'dense_1'`."""
    return f"{type(thing).__name__} named {thing.name!r}"
