"""Labels as users bring them."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from keras_spa import _arrays
from keras_spa._types import Array


def as_list(labels: Any, name: str = "labels") -> Array:
    """Labels as an array (N,); those of shape (N, 1) are as good."""
    labels = _arrays.array(name, labels)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def by_number(names: Iterable[str]) -> list[str]:
    """Names that are whole numbers, in the order of these; empty if one is none."""
    names = list(names)
    if not all(re.fullmatch("[+-]?[0-9]{1,18}", name) for name in names):
        return []
    return sorted(names, key=lambda name: (int(name), name))


def some(names: Sequence[str]) -> str:
    """Names in a sentence: all of a few, else the first ones."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def distinct(names: Sequence[str]) -> list[str]:
    """Class names to tell classes by: what several share, with the label behind it."""
    labelled = [f"{name} ({label})" for label, name in enumerate(names)]
    times = Counter(names)
    chosen = [
        other if times[name] > 1 else name
        for name, other in zip(names, labelled, strict=True)
    ]
    return chosen if len({*chosen}) == len(chosen) else labelled
