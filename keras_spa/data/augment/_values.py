"""What the values of an image mean: which one is black, and which is white."""

from typing import Any

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Backend, Config, Tensor
from keras_spa.data.augment.base import AugmentationLayer, functions, seed_tensor

SLACK = 0.5 / 255  # share of the range by which resampling may leave it


def check_range(low: float, high: float, value_range: Any, of: str) -> None:
    """Raises if values from `low` to `high` cannot be images of a value range.

    They are beyond it, or all within one grey level of black, and not black.
    """
    black, white = value_range
    span = white - black
    # NaN is beyond, too.
    beyond = not (low >= black - SLACK * span and high <= white + SLACK * span)
    if beyond or black < high <= black + span / 255:
        raise ValueError(
            f"Argument `images` must have the value range of {of}, {black:g}..{white:g}"
            f" (value_range={(black, white)}). Received: values from {low:g} to "
            f"{high:g}. Pass their value_range=(black, white) to the layer"
        )


def check_layers(images: Any, layers: Any) -> None:
    """Raises if an array, or files, have not the value range of layers.

    Of those up to the first that may change it: a function, or a layer without one.
    """
    for layer in layers:
        parts = getattr(layer, "views", None)
        if parts is not None:
            for part in parts:
                check_layers(images, part)
        elif getattr(layer, "value_range", None) is not None:
            check_range(*_extremes(images), layer.value_range, type(layer).__name__)
        elif not isinstance(layer, AugmentationLayer):
            return


def _extremes(images: Any) -> tuple[float, float]:
    if np.dtype(getattr(images, "dtype", "uint8")).kind != "f":
        return 0.0, 255.0  # of files and whole numbers
    return float(np.min(images)), float(np.max(images))


class ColourLayer(AugmentationLayer):
    """Base of the layers that have to know black and white. `_augment` sees 0..255.

    Args:
        seed: As in `AugmentationLayer`.
        value_range: Values of black and white in float images.
        **kwargs: As in `AugmentationLayer`.
    """

    def __init__(self, seed: int | None, value_range: Any, **kwargs: Any) -> None:
        super().__init__(seed, channels=3, **kwargs)
        self.value_range = _pair(value_range)

    def augment(self, images: Tensor, seed: Any) -> Tensor:
        xp = functions(images)
        images, seed = self._as_images(xp, images), seed_tensor(xp, seed)
        black, white = self.value_range
        if keras.backend.standardize_dtype(images.dtype) == "uint8":
            if self.value_range != (0.0, 255.0):
                check_range(0.0, 255.0, self.value_range, type(self).__name__)
            return self._augment(xp, images, seed)
        wrong = self._wrong(xp, images)
        scale = (white - black) / 255
        if self.value_range != (0.0, 255.0):
            images = (images - black) / scale
        images = self._augment(xp, images, seed)
        if self.value_range != (0.0, 255.0):
            images = images * scale + black
        return images if wrong is None else xp.numpy.where(wrong, np.nan, images)

    def _wrong(self, xp: Backend, images: Tensor) -> Tensor | None:
        """None if values are in range; in a graph, a tensor of whether they are not.

        What cannot be told there shows: as NaN, not as images of nothing.
        """
        low, high = xp.numpy.min(images), xp.numpy.max(images)
        known = _checks.known(low), _checks.known(high)
        if known[0] is not None and known[1] is not None:
            extremes = float(known[0]), float(known[1])
            check_range(*extremes, self.value_range, type(self).__name__)
            return None
        black, white = self.value_range
        span = white - black
        within = (low >= black - SLACK * span) & (high <= white + SLACK * span)
        return xp.numpy.logical_not(within) | (
            (high > black) & (high <= black + span / 255)
        )

    def get_config(self) -> Config:
        return {**super().get_config(), "value_range": self.value_range}


def _pair(value_range: Any) -> tuple[float, float]:
    if isinstance(value_range, (tuple, list)) and len(value_range) == 2:
        low, high = (_checks.number("value_range", value) for value in value_range)
        if low < high:
            return low, high
    raise ValueError(
        "Argument `value_range` must be a pair of numbers, black < white. "
        f"Received: value_range={value_range!r}"
    )
