"""Archives in the style of Keras: x_train, y_train and, likewise, val and test."""

import errno
import struct
import zipfile
import zlib
from typing import Any

import numpy as np

from keras_spa._types import Array
from keras_spa._warn import warn
from keras_spa.data._labels import as_list
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request, with_official_splits

SPLITS = {"train": "train", "val": "validation", "test": "test"}  # in keys, in ours
# What NumPy, zipfile and zlib raise at damaged archives; RuntimeError: at a method of
# compression, or a password, that nobody used.
DAMAGED = (
    *(ValueError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


def load_npz(request: Request) -> LongTailedData:
    """All of the archive, as `LongTailedData`; no pickle is loaded."""
    path = request.path
    if not path.is_file():
        raise FileNotFoundError(f"There is no archive {str(path)!r}")
    try:
        archive = np.load(path, allow_pickle=False)
    except DAMAGED as error:
        raise ValueError(f"{str(path)!r} is not a whole .npz archive") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{str(path)!r} is a single array, not an .npz archive")
    with archive:
        kinds = [
            kind
            for kind in SPLITS
            if kind == "train" or {f"x_{kind}", f"y_{kind}"} & {*archive}
        ]
        keys = [f"{part}_{kind}" for kind in kinds for part in "xy"]
        missing = [key for key in keys if key not in archive]
        if missing:
            remedy = (
                ". To judge a model on these alone, name them x_train and y_train"
                if missing == ["x_train", "y_train"]
                else ""
            )
            raise ValueError(
                f"Archive {str(path)!r} must have the keys {', '.join(keys)}. "
                f"Missing: {', '.join(missing)}. It has: {', '.join(archive)}"
                f"{remedy}"
            )
        labels = {kind: _labels(archive, f"y_{kind}") for kind in kinds}
        class_names = _class_names(archive, labels["train"])
        splits = {
            SPLITS[kind]: Split(
                _images(archive, f"x_{kind}"),
                _check_range(f"y_{kind}", labels[kind], len(class_names)),
            )
            for kind in kinds
        }
        unread = [key for key in archive if key[:2] in ("x_", "y_") and key not in keys]
    if unread:
        warn(
            f"Left out of the archive {str(path)!r}: {', '.join(unread)}. Read are "
            "x_train, y_train and the same of val and test",
        )
    shapes = {f"x_{kind}": splits[SPLITS[kind]].images.shape for kind in kinds}
    if len({shape[1:] for shape in shapes.values()}) > 1:
        named = ", ".join(f"{key}.shape={shape}" for key, shape in shapes.items())
        raise ValueError(
            f"Images of all splits must be of one shape. Received: {named}"
        )
    return with_official_splits(path.stem, splits, class_names)


def _array(archive: Any, key: str) -> Array:
    try:
        return archive[key]
    except (*DAMAGED, OSError) as error:
        # An OSError of a place that is none tells of damage, others of the disk.
        if getattr(error, "errno", None) not in (None, errno.EINVAL):
            raise
        raise ValueError(
            f"Key `{key}` of the archive {archive.zip.filename!r} must be a whole "
            "array of numbers; Python objects are not loaded, for a pickle can run any "
            "code"
        ) from error


def _images(archive: Any, key: str) -> Array:
    images = _array(archive, key)
    if images.dtype != np.uint8:
        raise ValueError(
            f"Key `{key}` must hold uint8 images, values 0..255. "
            f"Received: dtype {images.dtype}"
        )
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or not 1 <= images.shape[-1] <= 4 or 0 in images.shape:
        raise ValueError(
            f"Key `{key}` must hold images of shape (N, H, W) or (N, H, W, C), with C "
            f"at most 4 and none of them 0. Received: shape {images.shape}"
        )
    return images


def _labels(archive: Any, key: str) -> Array:
    labels = _array(archive, key)
    if labels.dtype.kind in "iu":
        labels = as_list(labels, key)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        names = "; names go to `class_names`" if labels.dtype.kind in "US" else ""
        raise ValueError(
            f"Key `{key}` must hold integer labels of shape (N,) or (N, 1){names}. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    return labels


def _check_range(key: str, labels: Any, num_classes: int) -> Array:
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise ValueError(
            f"Key `{key}` must hold labels in 0..{num_classes - 1}. Received "
            f"{wrong.size} others of {labels.size}, such as {wrong[:5].tolist()}"
        )
    return labels.astype("int32")


def _class_names(archive: Any, labels: Any) -> tuple[str, ...]:
    if "class_names" in archive:
        names = _array(archive, "class_names")
        if names.ndim != 1 or names.dtype.kind != "U":
            raise ValueError(
                "Key `class_names` must hold strings of shape (K,). "
                f"Received: shape {names.shape}, dtype {names.dtype}"
            )
        return tuple(names.tolist())
    classes = np.unique(labels)
    if not np.array_equal(classes, np.arange(len(classes))):
        raise ValueError(
            "Key `y_train` must hold labels 0..K−1 without a gap where the archive "
            f"has no `class_names`. Received {len(classes)} classes, from "
            f"{classes[0]} to {classes[-1]}"
        )
    return tuple(str(c) for c in classes)
