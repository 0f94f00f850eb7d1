"""CIFAR through TensorFlow Datasets, put back into its official order."""

import re
from typing import Any

import numpy as np

from keras_spa.data._tensorflow import import_tensorflow
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources.base import Request


def import_tfds() -> Any:
    """TensorFlow Datasets, with TensorFlow kept off another backend's GPU."""
    import_tensorflow()
    import tensorflow_datasets as tfds

    return tfds


def prepared_builder(name: str, data_dir: Any, download: bool = False) -> Any:
    """The builder of a data set that stands ready on disk.

    Looked up first, for without a network TensorFlow Datasets retries for minutes.
    """
    builder = import_tfds().builder(name, data_dir=data_dir)
    if builder.info.splits:
        return builder
    where = builder.data_dir
    if not download:
        raise FileNotFoundError(_how_to_prepare(name, data_dir, f"Not in {where!r}."))
    try:
        builder.download_and_prepare()
    except Exception as error:  # of the network, the server, the disk, the checksum
        reason = f"The download to {where!r} failed: {type(error).__name__}."
        raise FileNotFoundError(_how_to_prepare(name, data_dir, reason)) from error
    return builder


def _how_to_prepare(name: str, data_dir: Any, reason: str) -> str:
    option = f" --data_dir={data_dir}" if data_dir else ""
    return (
        f"The data set {name!r} is not prepared. {reason} With a network, run "
        f"`tfds build {name}{option}` once, or pass `download=True`. Without: "
        "`load('npz:PATH')` reads an archive with the keys x_train, y_train, x_test, "
        "y_test, and `load('folder:PATH')` reads images from PATH/train/<class> and "
        "PATH/test/<class>"
    )


def load_tfds(request: Request) -> LongTailedData:
    """All of the data set, as `LongTailedData` in official order."""
    builder = prepared_builder(request.name, request.data_dir, request.download)
    train, test = (_split(builder, split) for split in ("train", "test"))
    names = tuple(builder.info.features["label"].names)
    return LongTailedData(request.name, train, None, test, names)


def _split(builder: Any, split: str) -> Split:
    total = builder.info.splits[split].num_examples
    shape = builder.info.features["image"].shape
    images, labels = np.empty((total, *shape), "uint8"), np.empty(total, "int32")
    seen, strange = np.zeros(total, int), []
    batches = builder.as_dataset(split=split, batch_size=500, shuffle_files=False)
    for batch in batches.as_numpy_iterator():
        places = np.array([_place(split, text, total) for text in batch["id"]])
        strange.extend(batch["id"][places < 0])
        known = places >= 0
        images[places[known]] = batch["image"][known]
        labels[places[known]] = batch["label"][known]
        np.add.at(seen, places[known], 1)
    if strange or np.any(seen != 1):
        examples = ", ".join(text.decode(errors="replace") for text in strange[:3])
        raise ValueError(
            f"The official order of {builder.name!r} is read from the feature `id`, "
            f"which must hold {split}_0 .. {split}_{total - 1}, each once. Received "
            f"{len(strange)} other values{f', such as {examples}' if strange else ''}; "
            f"{np.sum(seen > 1)} numbers more than once, {np.sum(seen == 0)} missing"
        )
    return Split(images, labels)


def _place(split: str, text: bytes, total: int) -> int:
    """Position in the official order, from `b"train_00042"`; -1 if it says none."""
    match = re.fullmatch(rf"{split}_([0-9]+)".encode(), text)
    return int(match[1]) if match and int(match[1]) < total else -1
