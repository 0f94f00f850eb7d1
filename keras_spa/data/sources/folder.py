"""Images in folders: PATH/train/<class>/*.jpg, or PATH/<class>/*.jpg."""

import collections
import os
import pathlib
import warnings
from collections.abc import Sequence

import numpy as np

from keras_spa.data._labels import by_number, some
from keras_spa.data._rgb import shown
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits
from keras_spa.data.sources.same_file import Row, once

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# Folders of the splits, in small letters or others.
SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}
LeftOut = collections.Counter[str]  # how many of what


def load_folder(request: Request) -> LongTailedData:
    """All images below a folder, by class name and then by file name."""
    path, left_out = request.path, LeftOut()
    if not path.is_dir():
        raise FileNotFoundError(
            f"There is no folder {str(path)!r}. Expected: PATH/train/<class>/<image>, "
            "PATH/val and PATH/test likewise if there are such images, or all of them "
            f"as PATH/<class>/<image>. Received: PATH={str(path)!r}"
        )
    folders = _split_folders(path)
    root = folders.pop("train", path)
    class_names = _class_folders(root, left_out)
    if root == path and folders:
        raise ValueError(
            f"Folder {str(path)!r} must have a folder `train` beside "
            f"`{min(folder.name for folder in folders.values())}`. "
            f"Received: {', '.join(class_names[:5])}"
        )
    if root != path:
        beside = {*_visible(path)} - {root.name, *(f.name for f in folders.values())}
        left_out.update(f"{_kind(path / name)} beside {root.name}" for name in beside)
    if len(class_names) < 2:
        raise ValueError(
            f"Folder {str(root)!r} must hold at least 2 class folders. "
            f"Received: {class_names}"
        )
    splits = {"train": _split(root, class_names, left_out)}
    for split, folder in folders.items():
        names = _class_folders(folder, left_out)
        unknown = sorted({*names} - {*class_names})
        if unknown:
            raise ValueError(
                f"Each class of the {split} folder must be in the training folder. "
                f"Received {len(unknown)} of {len(names)} that are not: "
                f"{', '.join(map(shown, unknown[:5]))}"
            )
        splits[split] = _split(folder, class_names, left_out, missing_allowed=True)
    splits = _each_file_once(path, splits, class_names)
    if left_out:
        warnings.warn(_told(path, left_out), stacklevel=3)
    if by_number(class_names) not in ([], class_names):
        warnings.warn(
            f"The classes of '{shown(path)}' are numbers, taken in the order of their "
            f"text, as Keras does: {some(class_names)}",
            stacklevel=3,
        )
    names = [shown(name) for name in class_names]
    return with_official_splits(shown(path.resolve().name), splits, names)


def _split_folders(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """The folders named like splits, by split; none if they are classes instead."""
    named = {
        name: split
        for name in _visible(path)
        for split, names in SPLITS.items()
        if name.lower() in names and (path / name).is_dir()
    }
    held = {name: _held(path / name) for name in named}
    if all(kinds == {"images"} for kinds in held.values()):
        return {}
    if any("images" in kinds for kinds in held.values()):
        received = ", ".join(
            f"{shown(name)} with {' and '.join(sorted(kinds)) or 'neither'}"
            for name, kinds in held.items()
        )
        raise ValueError(
            f"Folder {str(path)!r} must have folders called train, val or test either "
            "as splits, which hold folders and no images, or as classes, which hold "
            f"images and no folders. Received: {received}"
        )
    found: dict[str, pathlib.Path] = {}
    for name, split in named.items():
        if split in found:
            raise ValueError(
                f"Folder {str(path)!r} must have one folder of {split} images. "
                f"Received: {found[split].name}, {name}"
            )
        found[split] = path / name
    return found


def _held(folder: pathlib.Path) -> set[str]:
    """Whether there are folders and images in a folder."""
    kinds = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                if entry.is_dir():
                    kinds.add("folders")
                elif entry.name.lower().endswith(ENDINGS):
                    kinds.add("images")
    return kinds


def _visible(folder: pathlib.Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def _class_folders(folder: pathlib.Path, left_out: LeftOut) -> list[str]:
    names = _visible(folder)
    folders = [name for name in names if (folder / name).is_dir()]
    others = {*names} - {*folders}
    left_out.update(f"{_kind(folder / name)} outside of a class" for name in others)
    return folders


def _kind(path: pathlib.Path) -> str:
    return (
        "folder" if path.is_dir() else f"{shown(path.suffix.lower()) or 'other'} file"
    )


def _split(
    folder: pathlib.Path,
    class_names: Sequence[str],
    left_out: LeftOut,
    missing_allowed: bool = False,
) -> Split:
    paths, labels = [], []
    for label, name in enumerate(class_names):
        if missing_allowed and not (folder / name).is_dir():
            continue
        with os.scandir(folder / name) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
        images = sorted(
            entry.path
            for entry in visible
            if entry.name.lower().endswith(ENDINGS) and not entry.is_dir()
        )
        others = {entry.path for entry in visible} - {*images}
        left_out.update(_kind(pathlib.Path(path)) + " in a class" for path in others)
        if not images:
            raise ValueError(
                f"Folder {str(folder / name)!r} must hold images with one of the "
                f"endings {', '.join(ENDINGS)}. Received none"
                + (f", but {len(others)} other entries" if others else "")
            )
        paths += images
        labels += [label] * len(images)
    return Split(ImageFiles(paths), np.array(labels, "int32"))


def _each_file_once(
    path: pathlib.Path, splits: dict[str, Split], class_names: Sequence[str]
) -> dict[str, Split]:
    """The splits without files that are there by several names."""
    rows = [
        Row(file, shown(class_names[label]), name)
        for name, split in splits.items()
        for file, label in zip(
            split.images.paths.tolist(), split.labels.tolist(), strict=True
        )
    ]
    kept = once(f"Folder '{shown(path)}'", rows, stacklevel=5)
    ends = np.cumsum([len(split.labels) for split in splits.values()])
    masks = np.split(kept, ends[:-1])
    return {
        name: split if mask.all() else split.take(mask)
        for (name, split), mask in zip(splits.items(), masks, strict=True)
    }


def _told(path: pathlib.Path, left_out: LeftOut) -> str:
    what = ", ".join(f"{number} × {kind}" for kind, number in sorted(left_out.items()))
    return (
        f"Left out of '{shown(path)}': {what}. Read are PATH/<class>/<image>, or those "
        f"of PATH/train, PATH/val and PATH/test, with the endings {', '.join(ENDINGS)}"
    )
