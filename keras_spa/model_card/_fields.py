"""What a card's fields must be."""

import collections
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_spa import _checks


def class_names(given: Any) -> tuple[str, ...]:
    names = given.tolist() if isinstance(given, np.ndarray) else given
    listed = isinstance(names, (list, tuple))
    if not (listed and len(names) > 1 and all(isinstance(n, str) for n in names)):
        raise ValueError(
            "Argument `class_names` must be a list of at least 2 strings, or a NumPy "
            f"array (K,) of them. Received: class_names={given!r}"
        )
    twice = [name for name, times in collections.Counter(names).items() if times > 1]
    if twice:
        raise ValueError(
            "Argument `class_names` must name each class once. Received more than "
            f"once: {', '.join(map(repr, twice[:5]))}"
        )
    return tuple(map(str, names))


def whole_counts(given: Any, num_classes: int) -> tuple[int, ...]:
    counts = _checks.class_counts(given, num_classes)
    part = next((count for count in counts if count != int(count)), None)
    if part is not None:
        raise ValueError(
            "Argument `class_counts` must be whole numbers of images; multiply shares "
            f"by the number of training images. Received: {part}"
        )
    return tuple(map(int, counts))


def mapping(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(
            f"Argument `{name}` must be a mapping. Received: {name}={value!r}"
        )
    return dict(value)


def json_object(name: str, value: Any) -> dict[str, Any]:
    """A mapping as JSON gives it back."""
    try:
        if not isinstance(value, Mapping):
            raise TypeError("no mapping")
        return json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Argument `{name}` must be a mapping of names to JSON values. "
            f"Received: {name}={value!r} ({error})"
        ) from error
