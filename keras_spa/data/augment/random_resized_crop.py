from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Shape, Tensor
from keras_spa.data.augment import crops
from keras_spa.data.augment.base import AugmentationLayer, interval, size_pair


@keras.saving.register_keras_serializable(package="keras_spa")
class RandomResizedCrop(AugmentationLayer):
    """A random part of each image, resized: Inception-style crops.

    The part's area is uniform in `scale` (of the image's area), the logarithm of its
    aspect ratio uniform in that of `ratio`; the first of ten draws that fits is used,
    else the largest allowed box in the middle. Resampling is without antialiasing. In
    inference the image is resized to cover `size` and its middle is cut out.

    Args:
        size: Side of the output in pixels, or (height, width).
        scale: Smallest and largest share of the area, in (0, 1]. Defaults to
            (0.08, 1.0).
        ratio: Smallest and largest width over height. Defaults to (3/4, 4/3).
        interpolation: `"bilinear"` (default) or `"nearest"`.
        seed: Integer in 0..2^31−1, or None (default): drawn.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        images: (B, H, W, C), values in 0..255: uint8 gives uint8, float gives float32.
        training: Whether to augment. Defaults to True outside of a model.

    Raises:
        ValueError: arguments out of range; images that are no such batch.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa.data.augment import RandomResizedCrop
    >>> layer = RandomResizedCrop(2, scale=(0.2, 0.5))
    >>> image = np.arange(64, dtype="uint8").reshape(1, 8, 8, 1)
    >>> ops.convert_to_numpy(layer.augment(image, seed=(0, 7)))[0, :, :, 0].tolist()
    [[22, 24], [38, 40]]

    Reference: Szegedy et al. (CVPR 2015), "Going Deeper with Convolutions", section 6.
    """

    _flip = False

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = crops.SCALE,
        ratio: tuple[float, float] = crops.RATIO,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.size = size_pair("size", size)
        self.scale = interval("scale", scale, 1.0)
        self.ratio = interval("ratio", ratio)
        options = ("bilinear", "nearest")
        self.interpolation = _checks.choice("interpolation", interpolation, options)

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        box = self.size, self.scale, self.ratio
        return crops.random_crop(xp, images, seed, *box, self._flip, self.interpolation)

    def _infer(self, xp: Backend, images: Tensor) -> Tensor:
        size = self.size
        return crops.middle_crop(xp, images, size, size, self.interpolation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> Config:
        config = {
            "size": self.size,
            "scale": self.scale,
            "ratio": self.ratio,
            "interpolation": self.interpolation,
        }
        return {**super().get_config(), **config}
