"""Numbered folders of trainings: a finished one stays, an unfinished one goes on."""

import contextlib
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

from keras_spa.files import without_nan, write_json

SETTINGS, REPORT, LOCK = "settings.json", "report.html", ".lock"
PLACE = "data"  # where the images lie, which may change: what they are, may not


@contextlib.contextmanager
def numbered(output: pathlib.Path, settings: dict[str, Any]) -> Iterator[pathlib.Path]:
    """The folder of a run with these settings, which nobody else trains in meanwhile.

    It is the last one that was begun with the same settings and not finished, else a
    new one. A run is finished when it has its report. A new one beside an unfinished
    one is told, with what differs.

    Raises:
        ValueError: another process trains in it.
    """
    settings = without_nan(settings)
    unfinished = [
        (folder, _differences(stored, settings))
        for folder in reversed(_folders(output))
        if (stored := _stored(folder)) is not None
    ]
    begun = [folder for folder, differences in unfinished if not differences]
    folder = begun[0] if begun else _new(output)
    with _locked(folder):
        try:
            if not begun:
                write_json(folder / SETTINGS, settings)
                if unfinished:
                    nearest, differences = min(unfinished, key=lambda one: len(one[1]))
                    print(
                        f"{nearest} is not finished but differs in "
                        f"{', '.join(differences)}: a new run begins"
                    )
            yield folder
        except BaseException:
            if {path.name for path in folder.iterdir()} <= {SETTINGS, LOCK}:
                shutil.rmtree(folder)  # nothing was trained
            raise


def _folders(output: pathlib.Path) -> list[pathlib.Path]:
    """The runs by their numbers."""
    if not output.is_dir():
        return []
    runs = [one for one in output.iterdir() if one.name.isdecimal() and one.is_dir()]
    return sorted(runs, key=lambda one: int(one.name))


def _stored(folder: pathlib.Path) -> dict[str, Any] | None:
    """The settings of an unfinished run."""
    if (folder / REPORT).exists():
        return None
    try:
        stored = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stored if isinstance(stored, dict) else None


def _differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """In words, in which settings two runs differ."""
    one, other = _by_words(one), _by_words(other)
    absent = object()
    return [
        name
        for name in one | other
        if name != PLACE and one.get(name, absent) != other.get(name, absent)
    ]


def _by_words(settings: dict[str, Any]) -> dict[str, Any]:
    """The flags one by one, as they are typed, and the others in words."""
    words = {name.replace("_", " "): value for name, value in settings.items()}
    if isinstance(flags := words.pop("flags", {}), dict):
        words |= {f"--{name}": value for name, value in flags.items()}
    return words


def _new(output: pathlib.Path) -> pathlib.Path:
    output.mkdir(parents=True, exist_ok=True)
    number = max((int(one.name) for one in _folders(output)), default=0)
    while True:
        number += 1
        with contextlib.suppress(FileExistsError):
            (output / str(number)).mkdir()
            return output / str(number)


@contextlib.contextmanager
def _locked(folder: pathlib.Path) -> Iterator[None]:
    """Nothing where the system knows no locks that end with their process."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(folder / LOCK, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"{folder} is being trained by another process") from None
        yield
