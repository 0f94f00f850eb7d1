import keras
import numpy as np

from keras_spa import _checks
from keras_spa.data.augment import _lookup, _pixels, _random
from keras_spa.data.augment._base import AugmentationLayer, interval, size_pair

ATTEMPTS = 10
GRID = 4096


def boxes(xp, seed, batch, height, width, scale, ratio):
    """A random box for each image: top, left, height, width, int32 (B, 1).

    Of ten draws of area and aspect ratio the first that fits in the image; if none
    does, the largest box in the middle whose aspect ratio is allowed. Area and log
    aspect ratio take one of 4,096 values each, from tables, so that no backend's
    rounding of a root or a logarithm counts.
    """
    shape, steps = (batch, ATTEMPTS), (np.arange(GRID) + 0.5) / GRID
    area = scale[0] + (scale[1] - scale[0]) * steps
    log_ratio = np.log(ratio[0]) + np.log(ratio[1] / ratio[0]) * steps
    sides = np.float32(np.sqrt(area * height * width))
    stretch = np.float32(np.exp(log_ratio / 2))
    side = _random.integers(xp, seed, shape, 0, GRID)
    side = _lookup.take(xp, xp.convert_to_tensor(sides), side)
    shift = _random.integers(xp, seed, shape, 1, GRID)
    wider = _lookup.take(xp, xp.convert_to_tensor(stretch), shift)
    taller = _lookup.take(xp, xp.convert_to_tensor(1 / stretch), shift)
    w = xp.cast(xp.numpy.round(side * wider), "int32")
    h = xp.cast(xp.numpy.round(side * taller), "int32")
    fits = (w >= 1) & (w <= width) & (h >= 1) & (h <= height)
    number = xp.numpy.arange(ATTEMPTS, dtype="int32")[None]
    first = xp.numpy.min(xp.numpy.where(fits, number, ATTEMPTS), -1, keepdims=True)
    chosen = xp.cast(number == first, "int32")
    none = first == ATTEMPTS
    middle_w = max(1, min(width, round(height * ratio[1])))
    middle_h = max(1, min(height, round(width / ratio[0])))
    w = xp.numpy.where(none, middle_w, xp.numpy.sum(w * chosen, -1, keepdims=True))
    h = xp.numpy.where(none, middle_h, xp.numpy.sum(h * chosen, -1, keepdims=True))
    top = _random.integers(xp, seed, (batch, 1), 2, height + 1 - h)
    left = _random.integers(xp, seed, (batch, 1), 3, width + 1 - w)
    top = xp.numpy.where(none, (height - middle_h) // 2, top)
    left = xp.numpy.where(none, (width - middle_w) // 2, left)
    return top, left, h, w


def crop_and_resize(xp, images, seed, size, scale, ratio, flip, interpolation):
    """A random box of each image, resized to `size` and perhaps mirrored."""
    batch, height, width, _ = xp.shape(images)
    top, left, h, w = boxes(xp, seed, batch, height, width, scale, ratio)
    y, x = (xp.numpy.arange(length, dtype="int32")[None] for length in size)
    if flip:
        x = x + _random.integers(xp, seed, (batch, 1), 4, 2) * (size[1] - 1 - 2 * x)
    rows, columns = (y, top, h, size[0]), (x, left, w, size[1])
    return _pixels.resample(xp, images, rows, columns, interpolation)


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
        size,
        scale=(0.08, 1.0),
        ratio=(3 / 4, 4 / 3),
        interpolation="bilinear",
        seed=None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        self.size = size_pair("size", size)
        self.scale = interval("scale", scale, 1.0)
        self.ratio = interval("ratio", ratio)
        options = ("bilinear", "nearest")
        self.interpolation = _checks.choice("interpolation", interpolation, options)

    def _augment(self, xp, images, seed):
        box = self.size, self.scale, self.ratio
        return crop_and_resize(xp, images, seed, *box, self._flip, self.interpolation)

    def _infer(self, xp, images):
        size = self.size
        return _pixels.center_crop(xp, images, size, size, self.interpolation)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self):
        config = {
            "size": self.size,
            "scale": self.scale,
            "ratio": self.ratio,
            "interpolation": self.interpolation,
        }
        return {**super().get_config(), **config}
