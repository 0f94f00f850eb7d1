"""A table of image files: columns path, label and, if there are several, split."""

import csv
import pathlib
from collections import Counter
from typing import Any

import numpy as np

from keras_spa._warn import warn
from keras_spa.data._labels import by_number, some
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits
from keras_spa.data.sources.same_file import Row, check

COLUMNS, OPTIONAL = ("path", "label"), "split"
SPLITS = {"train": "train", "": "train", "test": "test"}
SPLITS |= {"val": "validation", "validation": "validation"}


def load_csv(request: Request) -> LongTailedData:
    """All images of the table in its order; classes in order of name, or of number."""
    path = request.path
    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}")
    try:
        rows, unread = _read(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is not a whole .csv table: {error}") from error
    class_names = sorted({row.label for row in rows if row.split == "train"})
    by_text, class_names = class_names, by_number(class_names) or class_names
    unknown = sorted({row.label for row in rows} - {*class_names})
    if unknown:
        alone = "" if class_names else "; of images to judge a model on leave it empty"
        raise ValueError(
            f"Each class of {str(path)!r} must have images whose split is train{alone}"
            f". Received {len(unknown)} without: {', '.join(unknown[:5])}"
        )
    if len(class_names) < 2:
        raise ValueError(
            f"Table {str(path)!r} must hold at least 2 classes. Received: {class_names}"
        )
    check(f"Table {str(path)!r}", rows)
    if unread:
        warn(
            f"Left out of the table {str(path)!r}: the columns {', '.join(unread)}. "
            "Read are path, label and split",
        )
    if class_names != by_text:
        warn(
            f"The classes of {str(path)!r} are numbers, taken in their order, which in "
            f"folders is that of their text: {some(class_names)}",
        )
    numbers = {name: number for number, name in enumerate(class_names)}
    splits = {}
    for split in set(SPLITS.values()):
        chosen = [row for row in rows if row.split == split]
        if chosen:
            files = ImageFiles([row.path for row in chosen])
            labels = np.array([numbers[row.label] for row in chosen], "int32")
            splits[split] = Split(files, labels)
    return with_official_splits(path.stem, splits, class_names)


def _read(path: pathlib.Path) -> tuple[list[Row], list[str]]:
    """The rows below the header, and the names of columns that are not read.

    Raises:
        ValueError: naming the first line that is wrong.
    """
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file, skipinitialspace=True)
        header = [name.strip().lower() for name in table.fieldnames or ()]
        _check_header(path, header)
        table.fieldnames = header
        rows = [_row(path, table.line_num, header, cells) for cells in table]
    unread = [name for name in header if name not in (*COLUMNS, OPTIONAL)]
    return rows, [name or "(without a name)" for name in unread]


def _check_header(path: pathlib.Path, header: list[str]) -> None:
    if not {*COLUMNS} <= {*header}:
        raise ValueError(
            f"Table {str(path)!r} must begin with a line `path,label` or "
            f"`path,label,split`. Received: {','.join(header) or 'an empty file'}"
        )
    times = Counter(filter(None, header))
    if max(times.values()) > 1:
        raise ValueError(
            f"Table {str(path)!r} must name each column once. Received: "
            f"{','.join(header)}"
        )


def _row(
    path: pathlib.Path, line: int, header: list[str], cells: dict[str | None, Any]
) -> Row:
    """A row of the table, of cells by column; under None, those that are too many."""
    where = f"Line {line} of {str(path)!r}"
    surplus = [cell for cell in cells.get(None, []) if cell.strip()]
    given = [cells[name] for name in header if cells[name] is not None] + surplus
    if surplus or any(cells[name] is None for name in COLUMNS):
        raise ValueError(
            f"{where} must hold cells as the header does ({','.join(header)}). "
            f"Received {len(given)}: {','.join(given)}"
        )
    name, label = (cells[key].strip() for key in COLUMNS)
    split = SPLITS.get((cells.get(OPTIONAL) or "").strip().lower())
    if not name or not label or split is None:
        raise ValueError(
            f"{where} must hold a path, a label and, if anything, train, val or test "
            f"as its split. Received: {','.join(given)}"
        )
    return Row(str(path.parent / name), label, split)
