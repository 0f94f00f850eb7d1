"""Images in folders: PATH/train/<class>/*.jpg and PATH/test/<class>/*.jpg."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")


def load_folder(request: Request) -> LongTailedData:
    """All images below a folder, by class name and then by file name."""
    path = request.path
    if not (path / "train").is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path / 'train')!r}. Expected: "
            "PATH/train/<class>/<image>, and PATH/test/<class>/<image> if there is a "
            f"test set. Received: PATH={str(path)!r}"
        )
    class_names = _class_folders(path / "train")
    if len(class_names) < 2:
        raise ValueError(
            f"Folder {str(path / 'train')!r} must hold at least 2 class folders. "
            f"Received: {class_names}"
        )
    train = _split(path / "train", class_names)
    test = None
    if (path / "test").is_dir():
        test_names = _class_folders(path / "test")
        unknown = sorted(set(test_names) - set(class_names))
        if unknown:
            raise ValueError(
                f"Each class of the test folder must be in the training folder. "
                f"Received {len(unknown)} of {len(test_names)} that are not: "
                f"{', '.join(unknown[:5])}"
            )
        test = _split(path / "test", class_names, missing_allowed=True)
    return LongTailedData(path.resolve().name, train, None, test, tuple(class_names))


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
