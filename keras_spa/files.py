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
    """Write text or bytes to `path` whole or not at all, as `replacing` does.

    Through a link it writes the file that the link leads to.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(pathlib.Path(path)) as unfinished:
        unfinished.write_bytes(data)


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

    A link stays one: what it leads to is replaced. What is replaced passes its
    permissions on; what is new has those of any new file.

    After an error, in here or where this is used, `path` is as it was. So it is after
    the process is killed, with two exceptions: a folder `.NAME.*` may stay beside it,
    and if it is itself a folder it may be missing, between the two renames that its
    replacement takes; then both it (`NAME.before`) and its successor are in `.NAME.*`.
    Such a folder may also stay where two write the same folder at once.

    Raises:
        FileNotFoundError: nothing was written.
        OSError: with the file's name; also for what TensorFlow says of a full disk.
    """
    final = pathlib.Path(os.path.realpath(path))
    final.parent.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{path.name}."))
    new, old = folder / path.name, folder / f"{path.name}.before"
    try:
        yield new
        _finish(new, final)
        if final.is_dir():
            os.replace(final, old)
        os.replace(new, final)
        sync(final.parent)
    except OSError as error:
        if error.errno:  # a full disk does not say which file it was
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    except Exception as error:
        full = os.strerror(errno.ENOSPC)
        if full in str(error):
            raise OSError(errno.ENOSPC, full, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):  # the folder stays, the first error is told
            if old.exists() and new.exists():
                os.replace(old, final)
            shutil.rmtree(folder, ignore_errors=True)


def _finish(new: pathlib.Path, final: pathlib.Path) -> None:
    """Sees to it that `new` is there, on the disk, with the permissions of `final`."""
    if not new.exists():
        raise FileNotFoundError(errno.ENOENT, "Nothing was written", str(final))
    if new.is_file():
        sync(new)
    if final.exists() and final.is_dir() == new.is_dir():
        shutil.copymode(final, new)


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    if os.name == "posix":  # Windows opens no folders
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
