"""Files that are written whole or not at all."""

import contextlib
import errno
import json
import math
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
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


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A path to write to in place of `path`, which changes at the end or not at all.

    Raises:
        OSError: with the file's name; also for what TensorFlow says of a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield folder / path.name
        if path.is_dir():
            os.replace(path, folder / "before")
        if (folder / path.name).is_file():
            sync(folder / path.name)
        os.replace(folder / path.name, path)
        sync(path.parent)
    except OSError as error:
        if error.errno:  # a full disk does not say which file it was
            error.filename = str(path)
        raise
    except Exception as error:
        full = os.strerror(errno.ENOSPC)
        if full in str(error):
            raise OSError(errno.ENOSPC, full, str(path)) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    if os.name == "posix":  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
