"""Images in folders: PATH/train/<class>/*.jpg, or PATH/<class>/*.jpg."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
OTHER_SPLITS = {"validation": ("val", "validation"), "test": ("test",)}  # their folders


def load_folder(request: Request) -> LongTailedData:
    """All images below a folder, by class name and then by file name."""
    path = request.path
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path)!r}. Expected: PATH/train/<class>/<image>, "
            "PATH/val and PATH/test likewise if there are such images, or all of them "
            f"as PATH/<class>/<image>. Received: PATH={str(path)!r}"
        )
    root = path / "train" if (path / "train").is_dir() else path
    others = {} if root == path else _other_splits(path)
    class_names = _class_folders(root)
    if root == path and (found := {*class_names} & {"test", "val", "validation"}):
        raise ValueError(
            f"Folder {str(path)!r} must have a folder `train` beside "
            f"`{min(found)}`. Received: {', '.join(class_names[:5])}"
        )
    if len(class_names) < 2:
        raise ValueError(
            f"Folder {str(root)!r} must hold at least 2 class folders. "
            f"Received: {class_names}"
        )
    splits = {"train": _split(root, class_names)}
    for split, folder in others.items():
        unknown = sorted({*(names := _class_folders(folder))} - {*class_names})
        if unknown:
            raise ValueError(
                f"Each class of the {split} folder must be in the training folder. "
                f"Received {len(unknown)} of {len(names)} that are not: "
                f"{', '.join(unknown[:5])}"
            )
        splits[split] = _split(folder, class_names, missing_allowed=True)
    return with_official_splits(path.resolve().name, splits, class_names)


def _other_splits(path: pathlib.Path) -> dict[str, pathlib.Path]:
    return {
        split: path / name
        for split, names in OTHER_SPLITS.items()
        for name in names
        if (path / name).is_dir()
    }


def _visible(folder: pathlib.Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".")]


def _class_folders(folder: pathlib.Path) -> list[str]:
    return sorted(entry.name for entry in _visible(folder) if entry.is_dir())


def _split(
    folder: pathlib.Path, class_names: Sequence[str], missing_allowed: bool = False
) -> Split:
    paths, labels = [], []
    for label, name in enumerate(class_names):
        if missing_allowed and not (folder / name).is_dir():
            continue
        images = sorted(
            entry.path
            for entry in _visible(folder / name)
            if entry.name.lower().endswith(ENDINGS)
        )
        if not images:
            raise ValueError(
                f"Folder {str(folder / name)!r} must hold images with one of the "
                f"endings {', '.join(ENDINGS)}. Received none"
            )
        paths += images
        labels += [label] * len(images)
    return Split(ImageFiles(paths), np.array(labels, "int32"))
