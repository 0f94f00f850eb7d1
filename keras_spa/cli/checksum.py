"""Numbers that tell whether images and files are those of before."""

import hashlib
import os
import pathlib

import keras_spa as spa


def of_file(path: pathlib.Path | str) -> str:
    """Of all its bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_data(data: spa.data.LongTailedData, path: pathlib.Path) -> str:
    """Of an archive's bytes; of files their names, sizes, times of change and labels.

    Args:
        data: What was read.
        path: Where from: a folder, a table or an archive.
    """
    if not isinstance(data.train.images, spa.data.ImageFiles):
        return of_file(path)
    digest = hashlib.sha256()
    for name, split in data.splits().items():
        digest.update(f"{name}\n".encode())
        for file, label in zip(split.images.paths, split.labels, strict=True):
            about = os.stat(file)
            where = os.path.relpath(file, path.absolute())
            line = f"{where!r} {about.st_size} {about.st_mtime_ns} {int(label)}\n"
            digest.update(line.encode())
    return digest.hexdigest()
