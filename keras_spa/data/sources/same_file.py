"""One file under several names, which would train and test, or be of two classes."""

import collections
import os
import warnings
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from keras_spa._types import Array
from keras_spa.data._rgb import shown


class Row(NamedTuple):
    """An image file of a data set."""

    path: str
    label: str
    split: str


def once(where: str, rows: Sequence[Row], stacklevel: int = 4) -> Array:
    """Which of the rows to keep, (N,): each file once, with a warning of the others.

    Args:
        where: What holds them, for messages.
        rows: N of them.
        stacklevel: As in `warnings.warn`: where the user's call is.

    Raises:
        ValueError: a file of two labels, or in two splits.
    """
    first: dict[Hashable, Row] = {}
    repeated = np.zeros(len(rows), bool)
    several: dict[str, dict[Hashable, Row]] = {"label": {}, "split": {}}
    for i, (key, row) in enumerate(zip(_identities(rows), rows, strict=True)):
        other = first.setdefault(key, row)
        repeated[i] = other is not row
        for part, found in several.items():
            if getattr(row, part) != getattr(other, part):
                found.setdefault(key, row)
    for part, found in several.items():
        for key, row in found.items():
            examples = " and ".join(
                f"'{shown(one.path)}' as {getattr(one, part)}"
                for one in (first[key], row)
            )
            raise ValueError(
                f"{where} must have each file under one {part}. Received {len(found)} "
                f"files under several, such as {examples}"
            )
    if repeated.any():
        warnings.warn(
            f"{where} has {repeated.sum()} entries that lead to the same file as "
            f"another, such as '{shown(rows[int(repeated.argmax())].path)}': each file "
            "counts once",
            stacklevel=stacklevel,
        )
    return ~repeated


def _identities(rows: Sequence[Row]) -> list[Hashable]:
    """What two rows have in common if they lead to one file, whatever links lead there.

    A look into each folder tells it of all files there. Only links, and files that
    seem to be one, for not every file system tells the truth, are looked at themselves.
    """
    folders: dict[str, dict[str, Hashable]] = {}
    found: list[Hashable] = []
    for row in rows:
        folder, name = os.path.split(row.path)
        if folder not in folders:
            folders[folder] = _files(folder)
        found.append(folders[folder].get(name) or os.path.abspath(row.path))
    times = collections.Counter(found)
    return [
        key if times[key] == 1 else (key, _identity(row.path))
        for key, row in zip(found, rows, strict=True)
    ]


def _files(folder: str) -> dict[str, Hashable]:
    """Device and number of each file in a folder, by name; empty if there is none."""
    found: dict[str, Hashable] = {}
    try:
        device = os.stat(folder or ".").st_dev
        with os.scandir(folder or ".") as entries:
            for entry in entries:
                linked = entry.is_symlink()
                found[entry.name] = (
                    _identity(entry.path) if linked else (device, entry.inode())
                )
    except (OSError, ValueError):  # ValueError: of names that cannot be
        pass
    return found


def _identity(path: str) -> Hashable:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino or os.path.realpath(path)
