from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Config, Shape, Tensor
from keras_spa.data.augment import crops
from keras_spa.data.augment.base import ImageLayer, functions


@keras.saving.register_keras_serializable(package="keras_spa")
class ImageNetEval(ImageLayer):
    """The usual crop of ImageNet for evaluation: resize, then cut out the middle.

    The shorter side becomes `resize` pixels, the other in proportion (rounded down).
    Nothing is drawn: training and inference do the same. Bilinear without antialiasing,
    as `ImageNetTrain` resamples.

    Args:
        size: Side of the output in pixels. Defaults to 224.
        resize: The shorter side before the cut, at least `size`. Defaults to 256.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        images: (B, H, W, C), values in 0..255: uint8 gives uint8, float gives float32.
        training: Without effect.

    Raises:
        ValueError: arguments out of range; images that are no such batch.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> from keras_spa.data.augment import ImageNetEval
    >>> layer = ImageNetEval(size=2, resize=4)
    >>> image = np.arange(16, dtype="uint8").reshape(1, 4, 4, 1)
    >>> ops.convert_to_numpy(layer(image))[0, :, :, 0].tolist()
    [[5, 6], [9, 10]]

    Reference: He et al. (CVPR 2016), "Deep Residual Learning for Image Recognition",
    section 3.4 (10-crop testing; the central crop alone is the later custom).
    """

    def __init__(self, size: int = 224, resize: int = 256, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = _checks.integer("size", size, 1)
        self.resize = _checks.integer("resize", resize, self.size)

    def augment(self, images: Tensor, seed: Any = None) -> Tensor:
        """The middle of the resized images; `seed` has no effect."""
        return self.call(images)

    def call(self, images: Tensor, training: bool = True) -> Tensor:
        xp = functions(images)
        images = self._as_images(xp, images)
        size, cover = (self.size,) * 2, (self.resize,) * 2
        return crops.middle_crop(xp, images, size, cover, "bilinear")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.size, self.size, input_shape[-1])

    def get_config(self) -> Config:
        config = {"size": self.size, "resize": self.resize}
        return {**super().get_config(), **config}
