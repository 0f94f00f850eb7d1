"""Batches of arrays, from whatever a user has his images in."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _arrays, _checks, _label_checks
from keras_spa._types import Array
from keras_spa.data._named import by_name
from keras_spa.data.image_files import ImageFiles


def array_batches(
    dataset: Any, batch_size: int
) -> tuple[Iterator[tuple[Any, Array]], int | None]:
    """`(images, labels)` one by one, and how many there are, if that is known.

    Of batches (images, labels, sample weights) the images of weight 0, which are
    padding, are left out; other weights, and what is no float or bool, are ignored.
    """
    if isinstance(dataset, Mapping):
        dataset = by_name("dataset", dataset)
    _check_arrays_are_paired(dataset)
    if isinstance(dataset, tuple):
        images, labels = _paired(dataset)
        dataset = _ArrayBatches(images, labels, batch_size)
    if isinstance(dataset, (str, bytes, type)) or not hasattr(
        dataset, "__getitem__"
    ) | hasattr(dataset, "__iter__"):
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
    pairs = map(_pair, dataset)
    return (pair for pair in pairs if len(pair[1])), steps


def shown(
    batches: Iterator[Any], steps: int | None, verbose: str | int
) -> Iterator[Any]:
    """The batches, under a progress bar unless `verbose` is 0."""
    bar = keras.utils.Progbar(steps, verbose=int(verbose != 0), unit_name="batch")
    seen = 0
    for batch in batches:
        yield batch
        seen += 1
        bar.add(1)
    if steps is None and seen:
        bar.update(seen, finalize=True)


def _check_arrays_are_paired(dataset: Any) -> None:
    """Raises for arrays without labels, or beside their labels in a list."""
    listed = isinstance(dataset, list) and dataset
    if listed and all(hasattr(part, "shape") for part in dataset):
        received = f"a list of arrays of shapes {[tuple(p.shape) for p in dataset]}"
    elif isinstance(dataset, np.ndarray) or ops.is_tensor(dataset):
        received = f"one array of shape {tuple(dataset.shape)}"
    else:
        return
    raise ValueError(
        "Argument `dataset` must be (images, labels) arrays, as a tuple, or batches of "
        f"them. Received: {received}"
    )


def _pair(batch: Any) -> Any:
    if isinstance(batch, Mapping):
        batch = by_name("dataset", batch)
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            "Argument `dataset` must give batches (images, labels). "
            f"Received: a batch of type {type(batch).__name__}"
        )
    images, labels = batch[0], _checks.only(batch[1])
    images, labels = keras.tree.map_structure(_array, (images, labels))
    if isinstance(labels, (tuple, list, Mapping)):
        raise ValueError(
            "Argument `dataset` must give batches with one array of labels. "
            f"Received: a {type(labels).__name__} of {len(labels)}"
        )
    if np.ndim(labels) == 0:
        raise ValueError(
            "Argument `dataset` must give batches (images, labels), as `batch(n)` of a "
            f"tf.data.Dataset makes them. Received: a single label, {labels}"
        )
    lengths = {np.shape(array)[:1] for array in keras.tree.flatten(images)}
    if lengths != {np.shape(labels)[:1]}:
        raise ValueError(
            "Argument `dataset` must give batches of as many labels as images, as "
            "`batch(n)` of a tf.data.Dataset makes them. Received: images of shape "
            f"{keras.tree.map_structure(np.shape, images)} with labels of shape "
            f"{np.shape(labels)}"
        )
    weights = _array(batch[2]) if len(batch) > 2 and batch[2] is not None else None
    if weights is not None and weights.dtype.kind in "bf":  # as sample weights are
        if weights.size != len(labels):
            raise ValueError(
                "Argument `dataset` must give batches of as many sample weights as "
                f"labels. Received: weights of shape {weights.shape}, labels of shape "
                f"{labels.shape}"
            )
        rows = weights.reshape(-1) != 0
        images, labels = keras.tree.map_structure(lambda a: a[rows], (images, labels))
    return images, labels


def _array(value: Any) -> Array:
    return _arrays.array("dataset", value)


def integer_labels(labels: Array, num_classes: int) -> Array:
    """Labels of any kind as integers (B,)."""
    try:
        _label_checks.check(labels, num_classes)
    except ValueError as error:
        raise ValueError(
            f"Argument `dataset` does not fit the model, which has {num_classes} "
            f"classes. {error}"
        ) from None
    if _label_checks.kind(labels, num_classes) == "soft":
        largest = labels == np.max(labels, axis=-1, keepdims=True)
        if (unclear := np.flatnonzero(largest.sum(axis=-1) > 1)).size:
            raise ValueError(
                "Argument `dataset` must give labels that name one class each; leave "
                "rows of padding out, or give them sample weight 0. "
                f"Received: {labels[unclear[0]].tolist()}"
            )
        labels = np.argmax(labels, axis=-1)
    return labels.reshape(-1).astype("int64")


def _paired(pair: tuple[Any, ...]) -> tuple[Any, ...]:
    pair = (*pair[:1], *map(_checks.only, pair[1:]))
    if len(pair) != 2 or isinstance(pair[0], ImageFiles):
        files = (
            "; files go through "
            "keras_spa.data.pipeline(split, batch_size, training=False)"
        )
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays"
            f"{files if pair and isinstance(pair[0], ImageFiles) else ''}. "
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
    flat = keras.tree.flatten(pair)
    if not all(hasattr(array, "__len__") and np.ndim(array) for array in flat):
        raise ValueError(
            "Argument `dataset` must be (images, labels) arrays; make them with "
            "np.asarray. Received: numbers in lists"
        )
    lengths = [len(array) for array in flat]
    if len(set(lengths)) > 1:
        raise ValueError(
            "Argument `dataset` must hold as many labels as images. "
            f"Received: arrays of lengths {lengths}"
        )
    return keras.tree.map_structure(_with_rows_by_place, pair)


def _with_rows_by_place(array: Any) -> Any:
    """As it is, where a slice means places: an array that may be larger than memory."""
    if isinstance(array, keras.Variable) or _arrays.is_table(array):
        return _array(array)
    return array if hasattr(array, "shape") else _array(array)


class _ArrayBatches(keras.utils.PyDataset):
    def __init__(self, images: Any, labels: Array, batch_size: int) -> None:
        super().__init__()
        self.arrays, self.batch_size = (images, labels), batch_size

    def __len__(self) -> int:
        return -(-len(self.arrays[1]) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)
