"""What a recipe trains on and with: a `Task`."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from engine.config import RunConfig
from engine.methods import FIXED_HEADS


@dataclasses.dataclass(frozen=True)
class Task:
    """Data and network of a recipe.

    Args:
        title: Name of the data set in tables.
        load: Gives the `keras_spa.data.LongTailedData` of a configuration.
        backbone: Gives a Keras model from uint8 images to features.
        num_features: Gives d.
        num_classes: K.
        config: The class of its configurations, with fields of its own if need be.
        defaults: Values of flags where the recipe's differ from the usual ones.
    """

    title: str
    load: Callable[[Any], spa.data.LongTailedData]
    backbone: Callable[[Any], keras.Model]
    num_features: Callable[[Any], int]
    num_classes: int
    config: type[RunConfig] = RunConfig
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)

    def check(self, config: RunConfig) -> None:
        """Raises if the network of a configuration does not fit its method."""
        features, needed = self.num_features(config), self.num_classes - 1
        if config.method in FIXED_HEADS and features < needed:
            raise ValueError(
                f"--method={config.method} needs at least {needed} features for a "
                f"simplex ETF of {self.num_classes} classes; this network has "
                f"{features}. Choose a larger --width"
            )


def random_images(
    num_classes: int, image_shape: tuple[int, ...], seed: int, most: int = 2
) -> spa.data.LongTailedData:
    """A few random images, `most` of class 0 and 1 of the last, for --smoke."""
    random = np.random.RandomState(seed)
    counts = spa.data.long_tail_counts(num_classes, most, most)
    labels = np.repeat(np.arange(num_classes), counts).astype("int32")
    images = random.randint(0, 256, (len(labels), *image_shape)).astype("uint8")
    first = np.unique(labels, return_index=True)[1]
    test = spa.data.Split(images[first], labels[first])
    return spa.data.LongTailedData(
        "random images",
        spa.data.Split(images, labels),
        test,
        test,
        tuple(map(str, range(num_classes))),
    )
