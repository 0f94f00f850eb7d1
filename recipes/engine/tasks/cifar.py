"""CIFAR-10-LT and CIFAR-100-LT: data by a flag, and the residual network."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.config import RunConfig
from engine.options import option
from engine.task import Task

if TYPE_CHECKING:
    import keras

    import keras_spa as spa

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # of CIFAR-10, for both


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """The network."""

    depth: int = option(
        32, "Depth of the residual network.", choices=(8, 14, 20, 32, 44, 56)
    )
    width: int = option(
        16, "Channels of its first stage; d is 4 times that.", choices=(16, 32, 64)
    )


@dataclass(frozen=True, kw_only=True)
class CifarConfig(NetworkOptions, RunConfig):
    """A run on CIFAR, with the network's size."""


def cifar_task(title: str, name: str, num_classes: int) -> Task:
    return Task(
        title=title,
        load=functools.partial(load, name, num_classes),
        backbone=backbone,
        num_features=num_features,
        num_classes=num_classes,
        config=CifarConfig,
    )


def load(name: str, num_classes: int, config: CifarConfig) -> spa.data.LongTailedData:
    """The same images for every seed: the community's subset."""
    import keras_spa as spa
    from engine.random_data import random_images

    if config.smoke:
        return random_images(num_classes, (32, 32, 3), config.seed)
    return spa.data.load(
        config.data or name,
        config.imbalance_factor,
        max_count=config.max_count,
        order=config.order,
        validation_per_class=config.validation_per_class,
        data_dir=config.data_dir,
    )


def backbone(config: CifarConfig) -> keras.Model:
    """uint8 images -> features, normalised by the published means and deviations."""
    import keras

    import keras_spa as spa

    network = spa.models.resnet_cifar(8 if config.smoke else config.depth, config.width)
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    scale = [1 / (255 * std) for std in STD]
    offset = [-mean / std for mean, std in zip(MEAN, STD, strict=True)]
    x = keras.layers.Rescaling(scale, offset)(inputs)
    return keras.Model(inputs, network(x), name=f"normalised_{network.name}")


def num_features(config: CifarConfig) -> int:
    return 4 * config.width


CIFAR10 = cifar_task("CIFAR-10-LT", "cifar10", 10)
CIFAR100 = cifar_task("CIFAR-100-LT", "cifar100", 100)
