"""ImageNet-LT with ResNet-50 or ResNeXt-50."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.config import RunConfig
from engine.options import option
from engine.task import Task

if TYPE_CHECKING:
    import keras

    import keras_spa as spa

MEAN, VARIANCE = (123.675, 116.28, 103.53), (58.395**2, 57.12**2, 57.375**2)
SHAPE, CLASSES = (224, 224, 3), 1000
FEATURES = 2048


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The network."""

    network: str = option(
        "resnet50",
        "ResNet-50, or the ResNeXt-50 32x4d of GLMC and others.",
        choices=("resnet50", "resnext50"),
    )


@dataclass(frozen=True, kw_only=True)
class ImageNetConfig(NetworkOptions, RunConfig):
    """A run on ImageNet-LT, with the network."""


def load(config: ImageNetConfig) -> spa.data.LongTailedData:
    import keras_spa as spa
    from engine.random_data import random_images

    if config.smoke:
        return random_images(CLASSES, (32, 32, 3), config.seed)
    return spa.data.load("imagenet_lt", data_dir=config.data_dir)


def backbone(config: ImageNetConfig) -> keras.Model:
    """The network, from uint8 images; with --smoke a projection of tiny ones."""
    import keras

    import keras_spa as spa

    shape = (32, 32, 3) if config.smoke else SHAPE
    inputs = keras.Input(shape, dtype="uint8")
    x = keras.layers.Normalization(mean=MEAN, variance=VARIANCE)(inputs)
    if config.smoke:
        x = keras.layers.Dense(FEATURES)(keras.layers.GlobalAveragePooling2D()(x))
    elif config.network == "resnext50":
        x = spa.models.resnext50(shape)(x)
    else:
        x = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )(x)
    return keras.Model(inputs, x)


def num_features(config: ImageNetConfig) -> int:
    return FEATURES


IMAGENET = Task(
    "ImageNet-LT",
    load,
    backbone,
    num_features,
    CLASSES,
    config=ImageNetConfig,
    image_shape=SHAPE,
    fixed=("data", "imbalance_factor", "max_count", "order", "validation_per_class"),
    defaults={
        "imbalance_factor": 256.0,  # what the lists have: 1,280 over 5
        "epochs": 90,
        "batch_size": 256,
        "weight_decay": 5e-4,
        "schedule": "cosine",
    },
)
