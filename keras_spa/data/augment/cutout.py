from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Tensor
from keras_spa.data.augment import draws
from keras_spa.data.augment.base import AugmentationLayer


@keras.saving.register_keras_serializable(package="keras_spa")
class Cutout(AugmentationLayer):
    """One square of each image is blanked.

    Its centre is any pixel, all equally likely; what reaches over the border is cut
    off, so that the mean area is below `size`². In inference images are unchanged.

    Args:
        size: Side of the square in pixels, at least 1. Defaults to 16, the authors'
            choice for CIFAR-10.
        fill: Value of the blank pixels, in 0..255 (for uint8 images truncated).
            Defaults to 0.
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
    >>> from keras_spa.data.augment import Cutout
    >>> layer = Cutout(size=2)
    >>> image = np.full((1, 1, 5, 1), 9, "uint8")
    >>> ops.convert_to_numpy(layer.augment(image, seed=(0, 7)))[0, 0, :, 0].tolist()
    [9, 0, 0, 9, 9]

    Reference: DeVries & Taylor (2017), "Improved Regularization of Convolutional Neural
    Networks with Cutout", section 3.2.
    """

    def __init__(
        self, size: int = 16, fill: float = 0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed, **kwargs)
        self.size = _checks.integer("size", size, 1)
        self.fill = _checks.number("fill", fill, 0, 255)

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        batch, height, width, channels = xp.shape(images)
        top, left = (
            draws.integers(xp, seed, (batch, 1, 1), stream, side) - self.size // 2
            for stream, side in enumerate((height, width))
        )
        rows = xp.numpy.arange(height, dtype="int32")[:, None] - top
        # Of pixel and channel: a product with a factor for each is faster than a choice
        # for each pixel.
        columns = xp.numpy.arange(width * channels, dtype="int32") // channels - left
        in_rows, in_columns = (
            xp.cast((i >= 0) & (i < self.size), images.dtype) for i in (rows, columns)
        )
        blank = in_rows * in_columns
        fill = xp.cast(xp.convert_to_tensor(self.fill), images.dtype)
        lines = xp.numpy.reshape(images, (batch, height, width * channels))
        lines = lines * (1 - blank) + fill * blank
        return xp.numpy.reshape(lines, xp.shape(images))

    def get_config(self) -> Config:
        return {**super().get_config(), "size": self.size, "fill": self.fill}
