"""A table of image files: columns path, label and, if there are several, split."""

import csv
import pathlib
from collections.abc import Iterator

import numpy as np

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits

COLUMNS, OPTIONAL = ("path", "label"), "split"
SPLITS = {"train": "train", "": "train", "test": "test"}
SPLITS |= {"val": "validation", "validation": "validation"}
Row = tuple[str, str, str]  # path, label, split


def load_csv(request: Request) -> LongTailedData:
    """All images of the table in its order; classes in order of name."""
    path = request.path
    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}")
    try:
        rows = list(_rows(path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{str(path)!r} is not a whole .csv table: {error}") from error
    class_names = sorted({label for _, label, split in rows if split == "train"})
    unknown = sorted({label for _, label, _ in rows} - {*class_names})
    if unknown:
        raise ValueError(
            f"Each class of {str(path)!r} must have training images. Received "
            f"{len(unknown)} without: {', '.join(unknown[:5])}"
        )
    numbers = {name: number for number, name in enumerate(class_names)}
    splits = {}
    for split in set(SPLITS.values()):
        chosen = [row for row in rows if row[2] == split]
        if chosen:
            files = ImageFiles([path.parent / name for name, _, _ in chosen])
            labels = np.array([numbers[label] for _, label, _ in chosen], "int32")
            splits[split] = Split(files, labels)
    if len(class_names) < 2:
        raise ValueError(
            f"Table {str(path)!r} must hold at least 2 classes. Received: {class_names}"
        )
    return with_official_splits(path.stem, splits, class_names)


def _rows(path: pathlib.Path) -> Iterator[Row]:
    """The rows below the header; ValueError names the first line that is wrong."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file, skipinitialspace=True)
        header = [name.strip().lower() for name in table.fieldnames or ()]
        if not {*COLUMNS} <= {*header}:
            raise ValueError(
                f"Table {str(path)!r} must begin with a line `path,label` or "
                f"`path,label,split`. Received: {','.join(header) or 'an empty file'}"
            )
        table.fieldnames = header
        for row in table:
            name, label = ((row[key] or "").strip() for key in COLUMNS)
            split = SPLITS.get((row.get(OPTIONAL) or "").strip().lower())
            if not name or not label or split is None:
                raise ValueError(
                    f"Line {table.line_num} of {str(path)!r} must hold a path, a label "
                    "and, if anything, train, val or test as its split. Received: "
                    f"{','.join(str(row[key] or '') for key in header)}"
                )
            yield name, label, split
