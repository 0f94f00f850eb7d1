"""What a card's fields must be."""

import json
from collections.abc import Mapping
from typing import Any

from keras_spa import _checks


def class_names(given: Any) -> tuple[str, ...]:
    names = _checks.class_names(given)
    if len(names) < 2:
        raise ValueError(
            "Argument `class_names` must be a list of at least 2 strings. "
            f"Received: class_names={given!r}"
        )
    return names


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
