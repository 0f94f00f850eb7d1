from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Tensor
from keras_spa.data.augment import _pixels, draws
from keras_spa.data.augment.base import AugmentationLayer


@keras.saving.register_keras_serializable(package="keras_spa")
class RandomCropFlip(AugmentationLayer):
    """Zero-padding, a random crop of the old size, and a random mirror image.

    Each image is moved by up to `padding` pixels along both axes, all offsets equally
    likely, and mirrored left to right with probability one half: the standard
    augmentation of CIFAR. In inference images are unchanged.

    Args:
        padding: Pixels of zeros on each side, at least 0. Defaults to 4.
        flip: Whether to mirror. Defaults to True.
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
    >>> from keras_spa.data.augment import RandomCropFlip
    >>> layer = RandomCropFlip(padding=1)
    >>> image = np.array([[[[1], [2], [3]]]], "uint8")
    >>> ops.convert_to_numpy(layer.augment(image, seed=(0, 6)))[0, 0, :, 0].tolist()
    [0, 1, 2]

    Reference: He et al. (CVPR 2016), "Deep Residual Learning for Image Recognition",
    section 4.2.
    """

    def __init__(
        self,
        padding: int = 4,
        flip: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.padding = _checks.integer("padding", padding, 0)
        self.flip = _checks.choice("flip", flip, (True, False))

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        batch, height, width, _ = xp.shape(images)
        offsets = draws.integers(xp, seed, (batch, 2), 0, 2 * self.padding + 1)
        offsets = offsets - self.padding
        _, y, x = _pixels.positions(xp, batch, height, width)
        if self.flip:
            mirrored = draws.integers(xp, seed, (batch, 1, 1), 1, 2)
            x = x + mirrored * (width - 1 - 2 * x)
        y, x = y + offsets[:, 0, None, None], x + offsets[:, 1, None, None]
        valid = _pixels.is_inside(y, x, height, width)
        return _pixels.take_or_fill(xp, images, y, x, valid, 0)

    def get_config(self) -> Config:
        config = {"padding": self.padding, "flip": self.flip}
        return {**super().get_config(), **config}
