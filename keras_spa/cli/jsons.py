"""JSON files, written whole or not at all."""

import json
import math
import pathlib
from typing import Any

from keras_spa.files import write_atomically


def write(path: pathlib.Path, value: Any) -> None:
    """Writes lists, dicts, numbers and strings; NaN becomes null."""
    text = json.dumps(without_nan(value), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
