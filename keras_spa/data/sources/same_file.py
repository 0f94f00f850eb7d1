"""One file under several names, which would train and test, or be of two classes."""

import collections
import os
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from keras_spa._warn import warn
from keras_spa.data._rgb import shown


class Row(NamedTuple):
    """An image file of a data set."""

    path: str
    label: str
    split: str


Pair = tuple[Row, Row]


def check(where: str, rows: Sequence[Row]) -> None:
    """Warns of files that are there more than once, and refuses clear mistakes.

    A path in two splits or classes is a mistake. Two paths of one file need not be:
    stores such as DVC's link all files of the same content to one.

    Args:
        where: What holds them, for messages.
        rows: N of them.

    Raises:
        ValueError: a path of two labels, or in two splits.
    """
    paths = _resolved(rows)
    first: dict[Hashable, Row] = {}
    for path, row in zip(paths, rows, strict=True):
        first.setdefault(path, row)
    for part in ("label", "split"):
        several = {
            path: row
            for path, row in zip(paths, rows, strict=True)
            if getattr(row, part) != getattr(first[path], part)
        }
        if several:
            path, row = next(iter(several.items()))
            examples = " and ".join(
                f"'{shown(one.path)}' as {getattr(one, part)}"
                for one in (first[path], row)
            )
            raise ValueError(
                f"{where} must have each file under one {part}. Received "
                f"{len(several)} files under several, such as {examples}"
            )
    first, repeated, linked = {}, list[Pair](), list[Pair]()
    for identity, row in zip(_identities(paths), rows, strict=True):
        other = first.setdefault(identity, row)
        if row is not other:
            same = (row.label, row.split) == (other.label, other.split)
            (repeated if same else linked).append((other, row))
    if repeated:
        warn(
            f"{where} has {len(repeated)} entries that repeat a file of their class "
            f"and split, such as '{shown(repeated[0][1].path)}'. All are kept; images "
            "held out of them may be trained on, too",
        )
    if linked:
        examples = " and ".join(
            f"'{shown(row.path)}' ({row.split}, {row.label})" for row in linked[0]
        )
        warn(
            f"{where} has {len(linked)} entries that lead to a file of another split "
            f"or class, such as {examples}. All are kept, though test images that a "
            "model was trained on say nothing of new ones",
        )


def _resolved(rows: Sequence[Row]) -> list[str]:
    """The paths, with links and dots of their folders followed, not of the files."""
    folders: dict[str, str] = {}
    found = []
    for row in rows:
        folder, name = os.path.split(row.path)
        if folder not in folders:
            try:
                folders[folder] = os.path.realpath(folder)
            except (OSError, ValueError):  # ValueError: of names that cannot be
                folders[folder] = os.path.abspath(folder)
        found.append(os.path.join(folders[folder], name))
    return found


def _identities(paths: Sequence[str]) -> list[Hashable]:
    """What two rows have in common if they lead to one file, whatever links lead there.

    A look into each folder tells it of all files there. Only links, and files that
    seem to be one, for not every file system tells the truth, are looked at themselves.
    """
    folders: dict[str, dict[str, Hashable]] = {}
    found: list[Hashable] = []
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = _files(folder)
        found.append(folders[folder].get(name) or path)
    times = collections.Counter(found)
    return [
        key if times[key] == 1 else (key, _identity(path) or path)
        for key, path in zip(found, paths, strict=True)
    ]


def _files(folder: str) -> dict[str, Hashable]:
    """Device and number of each file in a folder, by name; empty if there is none."""
    found: dict[str, Hashable] = {}
    try:
        device = os.stat(folder).st_dev
        with os.scandir(folder) as entries:
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
