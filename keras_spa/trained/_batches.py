"""Batches of arrays, from whatever a user has his images in."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.data.image_files import ImageFiles


def array_batches(
    dataset: Any, batch_size: int
) -> tuple[Iterator[tuple[Any, Array]], int | None]:
    """`(images, labels)` one by one, and how many there are, if that is known."""
    if isinstance(dataset, tuple):
        images, labels = _arrays(dataset)
        dataset = _ArrayBatches(images, labels, batch_size)
    if isinstance(dataset, str) or not hasattr(dataset, "__getitem__") | hasattr(
        dataset, "__iter__"
    ):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays, or batches of them. "
            f"Received: {dataset!r}"
        )
    cardinality = getattr(dataset, "cardinality", lambda: 0)
    if int(cardinality()) == -1:  # what TensorFlow says of endless data sets
        raise ValueError(
            "Argument `dataset` must end; leave out `repeat()`, or add `take(n)`. "
            f"Received: an endless {type(dataset).__name__}"
        )
    try:
        steps = len(dataset)
    except TypeError:
        steps = None
    return map(_pair, dataset), steps


def _pair(batch: Any) -> Any:
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            "Argument `dataset` must give batches (images, labels). "
            f"Received: a batch of type {type(batch).__name__}"
        )
    images, labels = keras.tree.map_structure(_array, tuple(batch[:2]))
    if np.ndim(labels) == 0:
        raise ValueError(
            "Argument `dataset` must give batches (images, labels), as `batch(n)` of a "
            f"tf.data.Dataset makes them. Received: a single label, {labels}"
        )
    return images, labels


def _array(value: Any) -> Array:
    return ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value)


def integer_labels(labels: Array, num_classes: int) -> Array:
    """Labels of any kind as integers (B,)."""
    try:
        _checks.label_values(labels, num_classes)
    except ValueError as error:
        raise ValueError(
            f"Argument `dataset` does not fit the model, which has {num_classes} "
            f"classes. {error}"
        ) from None
    if _checks.label_shape(labels, num_classes) == "soft":
        labels = np.argmax(labels, axis=-1)
    return labels.reshape(-1).astype("int64")


def _arrays(pair: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(pair) != 2 or isinstance(pair[0], ImageFiles):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays; files go through "
            "keras_spa.data.pipeline(split, batch_size, training=False). "
            f"Received: {tuple(type(part).__name__ for part in pair)}"
        )
    if isinstance(pair[1], tuple):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays, or a list of batches "
            "of them. Received: a tuple of tuples"
        )
    if any(part is None for part in pair):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays. Received: None for "
            f"the {'labels' if pair[1] is None else 'images'}"
        )
    if not all(np.ndim(array) for array in keras.tree.flatten(pair)):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays; make them with "
            "np.asarray. Received: numbers in lists"
        )
    lengths = [len(array) for array in keras.tree.flatten(pair)]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Argument `dataset` must hold as many labels as images. "
            f"Received: arrays of lengths {lengths}"
        )
    return pair


class _ArrayBatches(keras.utils.PyDataset):
    def __init__(self, images: Any, labels: Array, batch_size: int) -> None:
        super().__init__()
        self.arrays, self.batch_size = (images, labels), batch_size

    def __len__(self) -> int:
        return -(-len(self.arrays[1]) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)
