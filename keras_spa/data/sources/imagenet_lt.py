"""ImageNet-LT: the lists of Liu et al. (CVPR 2019) and ImageNet's files."""

import collections
import json
import os
import pathlib
import tempfile
from typing import Any

import keras
import numpy as np

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request
from keras_spa.data.sources.tfds import import_tfds

COUNTS = json.loads(
    pathlib.Path(__file__).with_name("imagenet_lt_counts.json").read_text()
)
EXTRACTED = "imagenet_lt_images"


def load_imagenet_lt(request: Request) -> LongTailedData:
    """The splits of ImageNet-LT, as `LongTailedData` over files."""
    if request.data_dir is None:
        raise ValueError(
            "Argument `data_dir` must name the folder of ImageNet for "
            "name='imagenet_lt'. Received: data_dir=None"
        )
    data_dir = pathlib.Path(request.data_dir).expanduser()
    folder = pathlib.Path(request.lists or data_dir).expanduser()
    entries = {
        split: _read_list(folder / f"ImageNet_LT_{ending}.txt")
        for split, ending in (
            ("train", "train"),
            ("validation", "val"),
            ("test", "test"),
        )
        if split != "validation" or (folder / "ImageNet_LT_val.txt").is_file()
    }
    _check_train(entries["train"][1])
    for split, (_, labels) in entries.items():
        if split != "train":
            _check_balance(split, labels)
    names = _class_names(*entries["train"])
    wanted = [path for paths, _ in entries.values() for path in paths]
    _check_no_duplicates(wanted)
    files = iter(_find(_root(data_dir, wanted), wanted))
    splits = {
        split: Split(
            ImageFiles([next(files) for _ in paths]), np.array(labels, "int32")
        )
        for split, (paths, labels) in entries.items()
    }
    validation = splits.get("validation")
    return LongTailedData(
        "imagenet_lt",
        splits["train"],
        validation,
        splits["test"],
        names,
        "official" if validation else None,
    )


def _read_list(path: pathlib.Path) -> tuple[list[str], list[int]]:
    """`(paths, labels)` of lines such as `train/n01440764/n01440764_190.JPEG 0`."""
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no list {str(path)!r}. ImageNet-LT needs ImageNet_LT_train.txt "
            "and ImageNet_LT_test.txt of Liu et al. (CVPR 2019), in `data_dir` or in "
            "the folder given as `lists`"
        )
    paths, labels, wrong = [], [], []
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        name, _, label = line.strip().rpartition(" ")
        parts = name.split("/")
        good = len(parts) > 1 and "" not in parts and ".." not in parts
        if good and label.isascii() and label.isdigit() and int(label) < len(COUNTS):
            paths.append(name)
            labels.append(int(label))
        elif line.strip():
            wrong.append(f"line {number}: {line[:80]!r}")
    if wrong:
        raise ValueError(
            f"Each line of {path.name} must be a relative path with folders and a "
            f"label in 0..{len(COUNTS) - 1}. Received {len(wrong)} other lines of "
            f"{len(lines)}: {', '.join(wrong[:3])}"
        )
    return paths, labels


def _check_train(labels: Any) -> None:
    counts, expected = np.bincount(labels, minlength=len(COUNTS)), np.array(COUNTS)
    wrong = np.flatnonzero(counts != expected)
    if wrong.size:
        numbers = ", ".join(
            f"class {c}: {counts[c]} instead of {expected[c]}" for c in wrong[:3]
        )
        raise ValueError(
            f"ImageNet_LT_train.txt must hold {expected.sum()} images of "
            f"{len(COUNTS)} classes, {expected.max()} to {expected.min()} a class. "
            f"Received {len(labels)} images; {wrong.size} classes differ: {numbers}"
        )


def _check_balance(split: str, labels: Any) -> None:
    counts = np.bincount(labels, minlength=len(COUNTS))
    if counts.min() == 0 or counts.min() < counts.max():
        raise ValueError(
            f"The {split} list must hold equally many images of each of the "
            f"{len(COUNTS)} classes. Received {len(labels)} lines, from "
            f"{counts.min()} to {counts.max()} a class"
        )


def _check_no_duplicates(paths: list[str]) -> None:
    twice = [path for path, times in collections.Counter(paths).items() if times > 1]
    if twice:
        raise ValueError(
            "The lists must name each image once. Received "
            f"{len(twice)} of {len(paths)} more than once: {', '.join(twice[:3])}"
        )


def _class_names(paths: list[str], labels: Any) -> tuple[str, ...]:
    """The folder (WordNet id) of each label."""
    pairs = sorted(
        {
            (label, path.split("/")[-2])
            for path, label in zip(paths, labels, strict=True)
        }
    )
    names = tuple(name for _, name in pairs)
    if not len(names) == len(set(names)) == len(COUNTS):
        raise ValueError(
            "ImageNet_LT_train.txt must give each class a folder of its own. Received "
            f"{len(COUNTS)} classes, {len(set(names))} folders and {len(pairs)} pairs"
        )
    return names


def _root(data_dir: pathlib.Path, wanted: list[str]) -> pathlib.Path:
    """The folder below which the listed files lie, extracted first if need be."""
    if (data_dir / "train").is_dir():
        return data_dir
    if not (data_dir / EXTRACTED).is_dir():
        _extract(data_dir, wanted)
    return data_dir / EXTRACTED


def _find(root: pathlib.Path, wanted: list[str]) -> list[str]:
    """Where the listed files are, from one look into each folder."""
    folders = {parent: _files(root / parent) for parent in {_parent(p) for p in wanted}}
    files: list[Any] = [
        folders[_parent(path)].get(path.rpartition("/")[2]) for path in wanted
    ]
    missing = [path for path, file in zip(wanted, files, strict=True) if file is None]
    if missing:
        raise ValueError(
            f"Each listed image must be a file below {str(root)!r}. Received "
            f"{len(missing)} of {len(wanted)} that are not: {', '.join(missing[:3])}"
        )
    return files


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _files(folder: pathlib.Path, deeper: bool = True) -> dict[str, str]:
    """`{name: path}` of a folder; val/ may be sorted into class folders, too."""
    files = {}
    if folder.is_dir():
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir():
                    files[entry.name] = entry.path
                elif deeper:
                    files.update(_files(pathlib.Path(entry.path), deeper=False))
    return files


def _extract(data_dir: pathlib.Path, wanted: list[str]) -> None:
    """Writes the listed images of a prepared TFDS `imagenet2012`, all or none."""
    builder = None
    if (data_dir / "imagenet2012").is_dir():
        tfds = import_tfds()
        builder = tfds.builder("imagenet2012", data_dir=data_dir)
    if builder is None or not builder.info.splits:
        raise FileNotFoundError(
            f"No ImageNet in {str(data_dir)!r}. Expected: train/<wnid>/*.JPEG and "
            "val/*.JPEG there, or the TensorFlow data set imagenet2012, prepared with "
            f"`tfds build imagenet2012 --data_dir={data_dir}`"
        )
    splits = [name for name in ("train", "validation") if name in builder.info.splits]
    total = sum(builder.info.splits[name].num_examples for name in splits)
    left = {path.rpartition("/")[2]: path for path in wanted}
    bar = keras.utils.Progbar(total, unit_name="image")
    with tempfile.TemporaryDirectory(
        dir=data_dir, prefix=f".{EXTRACTED}."
    ) as temporary:
        tree = pathlib.Path(temporary) / EXTRACTED  # made with the user's permissions
        for parent in {_parent(path) for path in wanted}:
            (tree / parent).mkdir(parents=True, exist_ok=True)
        for name in splits:
            decoders = {"image": tfds.decode.SkipDecoding()}
            dataset = builder.as_dataset(
                split=name, decoders=decoders, shuffle_files=False
            )
            for example in dataset.as_numpy_iterator():
                path = left.pop(example["file_name"].decode(), None)
                if path:
                    (tree / path).write_bytes(example["image"])
                bar.add(1)
        if left:
            missing = list(left.values())
            raise ValueError(
                f"Each listed image must be in imagenet2012 ({total} images). Received "
                f"{len(missing)} of {len(wanted)} that are not: "
                f"{', '.join(missing[:3])}"
            )
        os.rename(tree, data_dir / EXTRACTED)
