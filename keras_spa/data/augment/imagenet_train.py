from typing import Any

import keras

from keras_spa._types import Backend, Tensor
from keras_spa.data.augment import crops
from keras_spa.data.augment.random_resized_crop import RandomResizedCrop


@keras.saving.register_keras_serializable(package="keras_spa")
class ImageNetTrain(RandomResizedCrop):
    """The usual training crops of ImageNet: `RandomResizedCrop` and a mirror image.

    Each crop is mirrored left to right with probability one half. In inference it is
    `ImageNetEval` with the usual proportion, 224 of 256.

    Args:
        size: Side of the output in pixels, or (height, width). Defaults to 224.
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
    >>> from keras_spa.data.augment import ImageNetTrain
    >>> images = np.zeros((2, 48, 40, 3), "uint8")
    >>> tuple(ImageNetTrain(32)(images).shape)
    (2, 32, 32, 3)

    Reference: Szegedy et al. (CVPR 2015), "Going Deeper with Convolutions", section 6.
    """

    _flip = True

    def __init__(self, size: int | tuple[int, int] = 224, **kwargs: Any) -> None:
        super().__init__(size, **kwargs)

    def _infer(self, xp: Backend, images: Tensor) -> Tensor:
        cover = crops.evaluation_cover(self.size)
        return crops.middle_crop(xp, images, self.size, cover, self.interpolation)
