"""Numbers that tell whether images and files are those of before."""

import hashlib
import os
import pathlib
from multiprocessing.pool import ThreadPool

import keras_spa as spa


def of_file(path: pathlib.Path | str) -> str:
    """Of all its bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_data(data: spa.data.LongTailedData, path: pathlib.Path) -> str:
    """Of an archive's bytes; of image files their names, bytes and labels.

    So copies are the same images, whenever they were made. Every byte is read, as it
    was to find damaged files.

    Args:
        data: What was read.
        path: Where from: a folder, a table or an archive.
    """
    if not isinstance(data.train.images, spa.data.ImageFiles):
        return of_file(path)
    digest = hashlib.sha256()
    for name, split in data.splits().items():
        digest.update(f"{name}\n".encode())
        files = split.images.paths
        with ThreadPool() as pool:
            contents = pool.imap(of_file, files, chunksize=8)
            for file, label, content in zip(files, split.labels, contents, strict=True):
                line = f"{_place(file, path)!r} {content} {int(label)}\n"
                digest.update(line.encode())
    return digest.hexdigest()


def _place(file: str, path: pathlib.Path) -> str:
    """Seen from DATA, for DATA may be moved or named in several ways."""
    try:
        return os.path.relpath(file, path.absolute())
    except ValueError:  # on another drive
        return os.path.abspath(file)
