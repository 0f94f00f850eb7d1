"""Images in folders: PATH/train/<class>/*.jpg, or PATH/<class>/*.jpg."""

import collections
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_spa._warn import warn
from keras_spa.data._labels import by_number, some
from keras_spa.data._rgb import shown
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits
from keras_spa.data.sources.same_file import Row, check

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
# Folders of the splits, in small letters or others.
SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("test",)}
# What a NAS and archives of macOS put beside images.
SYSTEM = ("@eaDir", "#recycle", "__MACOSX")
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
    folders, flat = _split_folders(path)
    if folders and "train" not in folders:
        other = min(folder.name for folder in folders.values())
        raise ValueError(
            f"Folder {str(path)!r} must have a folder `train` beside `{other}`, with a "
            f"folder for each class; of these images alone, PATH/{other} is the "
            f"folder. Received: {', '.join(map(shown, _visible(path)[:5]))}"
        )
    root = folders.pop("train", path)
    class_names = _class_folders(root, left_out)
    if root != path:
        for folder in flat:
            what = f"image without a class in {shown(folder.name)}"
            left_out[what] += sum(map(_is_image, _entries(folder)))
        read = {folder.name for folder in (root, *folders.values(), *flat)}
        beside = {*_visible(path)} - read
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
    check(f"Folder '{shown(path)}'", _rows(splits, class_names))
    if left_out:
        warn(_told(path, left_out))
    if by_number(class_names) not in ([], class_names):
        warn(
            f"The classes of '{shown(path)}' are numbers, taken in the order of their "
            f"text, as Keras does: {some(class_names)}",
        )
    names = [shown(name) for name in class_names]
    return with_official_splits(shown(path.resolve().name), splits, names)


def _split_folders(
    path: pathlib.Path,
) -> tuple[dict[str, pathlib.Path], list[pathlib.Path]]:
    """The folders of splits, by split, and those so named that hold images alone.

    Where none of them holds classes, all may be classes themselves, beside others.
    """
    named = {
        path / name: split
        for name in _visible(path)
        for split, names in SPLITS.items()
        if name.lower() in names and (path / name).is_dir()
    }
    held = {folder: _held(folder) for folder in named}
    flat = [folder for folder in named if held[folder] == "images"]
    if flat and "classes" not in held.values():
        others = (entry for entry in _entries(path) if path / entry.name not in named)
        if any(map(_holds_images, others)):
            return {}, []
        raise ValueError(
            f"Folder {str(path)!r} must hold classes, as PATH/train/<class>/<image> or "
            "PATH/<class>/<image>. Received images without a class in "
            f"{', '.join(shown(folder.name) for folder in flat)}: these are taken for "
            "classes only beside others, of other names"
        )
    found: dict[str, pathlib.Path] = {}
    for folder, split in named.items():
        if folder in flat:
            continue
        if split in found:
            raise ValueError(
                f"Folder {str(path)!r} must have one folder of {split} images. "
                f"Received: {found[split].name}, {folder.name}"
            )
        found[split] = folder
    return found, flat


def _held(folder: pathlib.Path) -> str:
    """Whether there are classes, folders of images, in a folder, or images alone."""
    entries = _entries(folder)
    if any(map(_holds_images, entries)):
        return "classes"
    return "images" if any(map(_is_image, entries)) else "neither"


def _entries(folder: str | pathlib.Path) -> list["os.DirEntry[str]"]:
    """What there is in a folder, by name, but for what systems put there."""
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if not entry.name.startswith(".")]
    return sorted(
        (entry for entry in found if entry.name not in SYSTEM),
        key=lambda entry: entry.name,
    )


def _holds_images(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir() and any(map(_is_image, _entries(entry.path)))


def _is_image(entry: "os.DirEntry[str]") -> bool:
    return entry.name.lower().endswith(ENDINGS) and not entry.is_dir()


def _visible(folder: pathlib.Path) -> list[str]:
    return [entry.name for entry in _entries(folder)]


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
        visible = _entries(folder / name)
        images = [entry.path for entry in visible if _is_image(entry)]
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


def _rows(splits: dict[str, Split], class_names: Sequence[str]) -> list[Row]:
    """All files of the splits."""
    return [
        Row(file, shown(class_names[label]), name)
        for name, split in splits.items()
        for file, label in zip(
            split.images.paths.tolist(), split.labels.tolist(), strict=True
        )
    ]


def _told(path: pathlib.Path, left_out: LeftOut) -> str:
    what = ", ".join(f"{number} × {kind}" for kind, number in sorted(left_out.items()))
    return (
        f"Left out of '{shown(path)}': {what}. Read are PATH/<class>/<image>, or those "
        f"of PATH/train, PATH/val and PATH/test, with the endings {', '.join(ENDINGS)}"
    )
