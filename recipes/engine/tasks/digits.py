"""The UCI handwritten digits (8x8 pixels, ten classes), made long-tailed."""

import pathlib

import keras
import numpy as np

import keras_spa as spa
from engine.config import RunConfig
from engine.task import Task

ARCHIVE = pathlib.Path(__file__).parents[2] / "data" / "digits.npz"
CLASSES = 10
FEATURES = 64
TEST_A_CLASS, VALIDATION_A_CLASS = 50, 20
MAX_COUNT = 104  # what the smallest class has left for training


def load(config: RunConfig) -> spa.data.LongTailedData:
    """Each seed draws training images of its own; test and validation never change."""
    with np.load(ARCHIVE, allow_pickle=False) as archive:
        images, labels = archive["images"][..., None], archive["labels"].astype("int32")
    random = np.random.RandomState(0)
    by_class = [random.permutation(np.flatnonzero(labels == c)) for c in range(CLASSES)]
    held_out = TEST_A_CLASS + VALIDATION_A_CLASS
    test, validation, pool = (
        np.concatenate([indices[start:stop] for indices in by_class])
        for start, stop in (
            (0, TEST_A_CLASS),
            (TEST_A_CLASS, held_out),
            (held_out, None),
        )
    )
    counts = spa.data.long_tail_counts(CLASSES, MAX_COUNT, config.imbalance_factor)
    train = pool[spa.data.long_tail_indices(labels[pool], counts, config.seed)]
    return spa.data.LongTailedData(
        "UCI digits",
        train=spa.data.Split(images[train], labels[train]),
        validation=spa.data.Split(images[validation], labels[validation]),
        test=spa.data.Split(images[test], labels[test]),
        class_names=tuple(map(str, range(CLASSES))),
    )


def backbone(config: RunConfig) -> keras.Model:
    """Three 3x3 convolutions and a global average: (8, 8, 1) images -> 64 features.

    Without batch normalisation, which by itself aligns the classifier here and leaves
    little to see.
    """
    layers = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 16)]
    for channels, stride in ((16, 1), (32, 2), (FEATURES, 1)):
        layers.append(
            keras.layers.Conv2D(channels, 3, stride, padding="same", activation="relu")
        )
    return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])


def num_features(config: RunConfig) -> int:
    return FEATURES


DIGITS = Task(
    "UCI digits, long-tailed",
    load,
    backbone,
    num_features=num_features,
    num_classes=CLASSES,
    image_shape=(8, 8, 1),
    fixed=("data", "max_count", "order", "validation_per_class"),
    defaults={
        "method": ["ce", "balanced_softmax"],
        "alignment": ["none", "spa_reg", "spa_slerp", "spa_proj", "misaligned"],
        "imbalance_factor": 50.0,
        "validation_per_class": VALIDATION_A_CLASS,
        "epochs": 60,
        "batch_size": 32,
        "schedule": "cosine",
        "weight_decay": 5e-5,
        "ldam_rate_factor": 0.01,
        "steps_per_execution": 0,
        "jobs": 2,
        "verbose": False,
    },
)
