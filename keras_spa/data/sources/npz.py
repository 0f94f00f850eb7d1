"""Archives in the style of Keras: x_train, y_train, x_test, y_test."""

import zipfile
from typing import Any

import numpy as np

from keras_spa._types import Array
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request

KEYS = ("x_train", "y_train", "x_test", "y_test")


def load_npz(request: Request) -> LongTailedData:
    """All of the archive, as `LongTailedData`; no pickle is loaded."""
    path = request.path
    if not path.is_file():
        raise FileNotFoundError(f"There is no archive {str(path)!r}")
    try:
        archive = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{str(path)!r} is not a whole .npz archive") from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError(f"{str(path)!r} is a single array, not an .npz archive")
    with archive:
        missing = [key for key in KEYS if key not in archive]
        if missing:
            raise ValueError(
                f"Archive {str(path)!r} must have the keys {', '.join(KEYS)}. "
                f"Missing: {', '.join(missing)}. It has: {', '.join(archive)}"
            )
        labels = {key: _labels(archive, key) for key in ("y_train", "y_test")}
        class_names = _class_names(archive, labels["y_train"])
        train, test = (
            Split(
                _images(archive, f"x_{split}"),
                _check_range(f"y_{split}", labels[f"y_{split}"], len(class_names)),
            )
            for split in ("train", "test")
        )
    if train.images.shape[1:] != test.images.shape[1:]:
        raise ValueError(
            "Training and test images must be of one shape. Received: "
            f"x_train.shape={train.images.shape}, x_test.shape={test.images.shape}"
        )
    return LongTailedData(path.stem, train, None, test, class_names)


def _array(archive: Any, key: str) -> Array:
    try:
        return archive[key]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Key `{key}` of the archive must be a whole array of numbers; Python "
            "objects are not loaded, for a pickle can run any code"
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
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"Key `{key}` must hold integer labels of shape (N,) or (N, 1). "
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
