"""What a recipe trains on and with: a `Task`.

Flags are read and --help is shown from it before Keras is imported, which takes
seconds: neither this file nor those of the tasks import it until data or network are
asked for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.config import RunConfig
from engine.names import OF_AN_ETF

if TYPE_CHECKING:
    import keras

    import keras_spa as spa

OF_COLOURS = ("auto_augment", "rand_augment", "sim_augment")


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
        image_shape: That of the images which the network takes.
        fixed: Fields that no flag can change: the data come as they are.
        pixels: The numbers of a pixel in them.
    """

    title: str
    load: Callable[[Any], spa.data.LongTailedData]
    backbone: Callable[[Any], keras.Model]
    num_features: Callable[[Any], int]
    num_classes: int
    config: type[RunConfig] = RunConfig
    defaults: dict[str, Any] = dataclasses.field(default_factory=dict)
    image_shape: tuple[int, int, int] = (32, 32, 3)
    fixed: tuple[str, ...] = ()
    pixels: str = "0..255"

    def check(self, config: RunConfig) -> None:
        """Raises if a configuration is not one of this recipe."""
        usual = {field.name: field.default for field in dataclasses.fields(config)}
        for name in self.fixed:
            value, only = getattr(config, name), self.defaults.get(name, usual[name])
            if value != only and not config.smoke:
                raise ValueError(
                    f"--{name}={value} cannot be had: the {self.title} have "
                    f"{name}={only}"
                )
        augmented = {"augment": config.augment}
        if config.method == "bcl":
            augmented["contrast_augment"] = config.contrast_augment
        for flag, value in augmented.items():
            if value in OF_COLOURS and self.image_shape[-1] != 3:
                raise ValueError(
                    f"--{flag}={value} is for images of three colours, which the "
                    f"{self.title} are not"
                )
        self._check_features(config, self.num_classes)

    def check_data(self, config: RunConfig, data: spa.data.LongTailedData) -> None:
        """Raises if the network does not fit the images or their classes."""
        from keras_spa.data import ImageFiles

        images, wanted = data.train.images, self.image_shape
        files = isinstance(images, ImageFiles)
        if not (files or config.smoke or images.shape[1:] == wanted):
            raise ValueError(
                f"The network of this recipe takes images of shape {wanted}; those of "
                f"{data.name} have {images.shape[1:]}"
            )
        self._check_features(config, data.num_classes)

    def _check_features(self, config: RunConfig, num_classes: int) -> None:
        features, needed = self.num_features(config), num_classes - 1
        if config.method in OF_AN_ETF and features < needed:
            raise ValueError(
                f"--method={config.method} needs at least {needed} features for a "
                f"simplex ETF of {num_classes} classes; this network has "
                f"{features}. Choose a larger --width"
            )
