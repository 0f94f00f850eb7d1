"""Files that are written whole or not at all."""

import json
import math
import os
import pathlib
import tempfile
from typing import Any

from keras_spa._types import Path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write text or bytes to `path` whole or not at all."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):  # a full disk does not say which file it was
            error.filename = str(path)
        raise
    sync(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write lists, dicts, numbers and strings as JSON; NaN and infinity become null."""
    value = without_nan(value)
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text + "\n")


def without_nan(value: Any) -> Any:
    """Numbers, in lists and dicts, with None for what JSON cannot hold."""
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    if os.name == "posix":  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
