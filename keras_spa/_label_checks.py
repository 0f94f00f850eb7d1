"""Labels: what users may bring, and whether they are right."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._types import Labels, Tensor


def given(labels: Any) -> Any:
    """The one array of labels, alone or in a structure of one as Keras takes it."""
    labels = _checks.only(labels)
    if isinstance(labels, (list, tuple, Mapping)):
        raise ValueError(
            "Argument `y` must be one array of labels; np.asarray makes one of a list "
            f"of numbers. Received: a {type(labels).__name__} of {len(labels)}"
        )
    if labels is None:
        raise ValueError(
            "Argument `y`, the labels, must be given: arrays `(x, y)`, as in "
            "`fit(x, y)`, or batches `(x, y)`. Received: y=None"
        )
    return labels


def kind(labels: Labels, num_classes: int, name: str = "labels") -> str:
    """Whether labels are `"integer"`, (B,) or (B, 1), or `"soft"`, (B, K)."""
    shape = tuple(labels.shape)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return "integer"
    if len(shape) == 2 and shape[1] == num_classes:
        return "soft"
    raise ValueError(
        f"Argument `{name}` must be integers of shape (B,) or (B, 1), or soft labels "
        f"of shape (B, {num_classes}). Received: {name}.shape={shape}"
    )


def check(labels: Labels, num_classes: int, name: str = "labels") -> None:
    """Raises unless the host array `labels` fits `num_classes` classes."""
    labels = np.asarray(labels)
    form = kind(labels, num_classes, name)
    if labels.dtype.name == "bfloat16":  # to NumPy a type of unknown kind
        labels = labels.astype("float32")
    if labels.dtype.kind not in "iufb":
        raise ValueError(
            f"Argument `{name}` must be numbers in 0..{num_classes - 1}. "
            f"Received: {name}.dtype={labels.dtype}"
        )
    if form == "integer":
        wrong = labels[~((labels >= 0) & (labels < num_classes) & (labels % 1 == 0))]
        expected = f"integers in 0..{num_classes - 1}"
    else:
        wrong = labels[~((labels >= 0) & np.isfinite(labels))]
        expected = "finite non-negative weights of the classes"
    if wrong.size:
        examples = ", ".join(str(value) for value in wrong.ravel()[:5])
        raise ValueError(
            f"Argument `{name}` must be {expected}. "
            f"Received {wrong.size} other values of {labels.size}, such as {examples}"
        )


def check_if_known(labels: Labels, num_classes: int, name: str = "labels") -> None:
    """`check` for a tensor whose values can be read here and now."""
    values = _checks.known(labels)
    if values is not None:
        check(values, num_classes, name)


def valid(labels: Labels, num_classes: int) -> Tensor:
    """Whether each label (B,) is one, also where a traced step hides its value."""
    labels = ops.convert_to_tensor(labels)
    dtype = keras.backend.standardize_dtype(labels.dtype)
    floats = "float" in dtype
    if dtype in ("bool", "int8", "uint8", "int16", "uint16"):  # K may be beyond them
        labels = ops.cast(labels, "int32")
    if kind(labels, num_classes) == "soft":
        valid = labels >= 0
        if floats:  # of integers of unknown shape Keras cannot ask this on TensorFlow
            valid &= ops.isfinite(labels)
        return ops.all(valid, axis=-1)
    labels = ops.reshape(labels, (-1,))
    valid = (labels >= 0) & (labels < num_classes)
    return valid & ops.equal(labels, ops.floor(labels)) if floats else valid
