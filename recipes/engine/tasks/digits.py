"""The UCI handwritten digits (8x8 pixels, ten classes), made long-tailed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.config import RunConfig
from engine.task import Task

if TYPE_CHECKING:
    import keras

    import keras_spa as spa

CLASSES = 10
FEATURES = 64
MAX_COUNT = 104  # what the smallest class has left for training


def load(config: RunConfig) -> spa.data.LongTailedData:
    """Each seed draws training images of its own; test and validation never change."""
    import keras_spa as spa

    return spa.data.load(
        "digits", config.imbalance_factor, max_count=MAX_COUNT, seed=config.seed
    )


def backbone(config: RunConfig) -> keras.Model:
    """Three 3x3 convolutions and a global average: (8, 8, 1) images -> 64 features.

    Without batch normalisation, which by itself aligns the classifier here and leaves
    little to see.
    """
    import keras

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
    pixels="0..16",
    fixed=("data", "max_count", "order", "validation_per_class"),
    defaults={
        "method": ["ce", "balanced_softmax"],
        "alignment": [
            *("none", "spa_reg_noise", "spa_slerp_noise", "spa_proj_noise"),
            "misaligned",
        ],
        "imbalance_factor": 50.0,
        "validation_per_class": 20,
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
