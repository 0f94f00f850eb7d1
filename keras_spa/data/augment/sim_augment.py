from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Shape, Tensor
from keras_spa.data.augment import crops, draws
from keras_spa.data.augment._values import ColourLayer
from keras_spa.data.augment.base import interval, size_pair

LUMA = (0.299, 0.587, 0.114)
SIGMA = (0.1, 2.0)


def luma(images: Tensor) -> Tensor:
    """Grey value (B, H, W, 1)."""
    return sum(weight * images[..., i : i + 1] for i, weight in enumerate(LUMA))


def jitter(
    xp: Backend,
    images: Tensor,
    brightness: Tensor,
    contrast: Tensor,
    saturation: Tensor,
    hue: Tensor,
) -> Tensor:
    """Colours changed by a factor each, and hue by a share of the circle: (B, 1, 1, 1).

    Brightness scales, contrast is away from the mean grey value, saturation away from
    the pixel's own.
    """
    images = xp.numpy.clip(images * brightness, 0, 255)
    mean = xp.numpy.mean(luma(images), (1, 2, 3), keepdims=True)
    images = xp.numpy.clip(mean + contrast * (images - mean), 0, 255)
    base = luma(images)
    images = xp.numpy.clip(base + saturation * (images - base), 0, 255)
    hsv = xp.image.rgb_to_hsv(images / 255, data_format="channels_last")
    turned = hsv[..., :1] + hue
    turned = turned - xp.numpy.floor(turned)
    hsv = xp.numpy.concatenate([turned, hsv[..., 1:]], -1)
    return xp.image.hsv_to_rgb(hsv, data_format="channels_last") * 255


def blur(xp: Backend, images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with σ (B, 1, 1, 1) pixels, over a tenth of the image's side."""
    for axis in (1, 2):
        length = images.shape[axis]
        reach = max(1, min(images.shape[1:3]) // 20)
        place = xp.numpy.arange(length, dtype="int32")
        total, norm = 0.0, 0.0
        for step in range(-reach, reach + 1):
            weight = xp.numpy.exp(-0.5 * (step / sigma) ** 2)
            taken = xp.numpy.clip(place + step, 0, length - 1)
            total = total + weight * xp.numpy.take(images, taken, axis=axis)
            norm = norm + weight
        images = total / norm
    return images


@keras.saving.register_keras_serializable(package="keras_spa")
class SimAugment(ColourLayer):
    """The augmentation of SimCLR: crop, mirror, colours, grey, blur.

    For each image: a random resized crop, mirrored with probability one half; with
    probability `jitter_probability` brightness, contrast and saturation times factors
    uniform in 1 ± the argument, and hue turned by up to ± `hue` of the circle, in this
    order (the original's is random); with probability `grayscale` only the grey value;
    with probability `blur` a Gaussian blur, σ uniform in 0.1..2 pixels, over a tenth of
    the image's side. In inference the image is resized to cover `size` and its middle
    is cut out. Draws are the same on every backend, pixels to one grey level.

    Args:
        size: Side of the output in pixels, or (height, width), or None (default): as
            the input.
        scale: Smallest and largest share of the area, in (0, 1]. Defaults to
            (0.08, 1.0).
        ratio: Smallest and largest width over height. Defaults to (3/4, 4/3).
        brightness, contrast, saturation: At least 0. Default to 0.4, SimCLR's strength
            0.5.
        hue: In 0..0.5. Defaults to 0.1.
        jitter_probability: In 0..1. Defaults to 0.8.
        grayscale: Probability in 0..1. Defaults to 0.2.
        blur: Probability in 0..1, or None (default): 0.5 for outputs of at least 64
            pixels a side, else 0.
        seed: Integer in 0..2^31−1, or None (default): drawn.
        value_range: Values of black and white in float images. Defaults to (0, 255).
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        images: RGB, (B, H, W, 3): uint8 gives uint8; float, values in `value_range`,
            gives float32.
        training: Whether to augment. Defaults to True outside of a model.

    Raises:
        ValueError: arguments out of range; images that are no such batch, or of another
            value range: beyond it, or within one grey level of black (in a compiled
            step, where values cannot be read, the images become NaN).

    Example:

    >>> import numpy as np
    >>> from keras_spa.data.augment import SimAugment
    >>> images = np.zeros((2, 48, 40, 3), "uint8")
    >>> tuple(SimAugment(32)(images).shape)
    (2, 32, 32, 3)

    Reference: Chen et al. (ICML 2020), "A Simple Framework for Contrastive Learning of
    Visual Representations", appendix A.
    """

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        scale: tuple[float, float] = crops.SCALE,
        ratio: tuple[float, float] = crops.RATIO,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.4,
        hue: float = 0.1,
        jitter_probability: float = 0.8,
        grayscale: float = 0.2,
        blur: float | None = None,
        seed: int | None = None,
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, value_range, **kwargs)
        self.size = None if size is None else size_pair("size", size)
        self.scale = interval("scale", scale, 1.0)
        self.ratio = interval("ratio", ratio)
        self.brightness = _checks.number("brightness", brightness, 0)
        self.contrast = _checks.number("contrast", contrast, 0)
        self.saturation = _checks.number("saturation", saturation, 0)
        self.hue = _checks.number("hue", hue, 0, 0.5)
        self.jitter_probability = _checks.number(
            "jitter_probability", jitter_probability, 0, 1
        )
        self.grayscale = _checks.number("grayscale", grayscale, 0, 1)
        self.blur = None if blur is None else _checks.number("blur", blur, 0, 1)

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        dtype = images.dtype
        size = self._output_size(images.shape)
        box = size, self.scale, self.ratio
        images = crops.random_crop(xp, images, seed, *box, True, "bilinear")
        images = xp.cast(images, "float32")

        def uniform(stream: int) -> Tensor:  # streams below 10 are the crop's
            return draws.uniform(xp, seed, (xp.shape(images)[0], 1, 1, 1), stream)

        def factor(stream: int, strength: float) -> Tensor:
            low = max(0.0, 1 - strength)
            return low + (1 + strength - low) * uniform(stream)

        where = xp.numpy.where
        jittered = jitter(
            xp,
            images,
            factor(10, self.brightness),
            factor(11, self.contrast),
            factor(12, self.saturation),
            self.hue * (2 * uniform(13) - 1),
        )
        images = where(uniform(14) < self.jitter_probability, jittered, images)
        images = where(uniform(15) < self.grayscale, luma(images), images)
        probability = self.blur
        if probability is None:
            probability = 0.5 if min(size) >= 64 else 0.0
        if probability > 0:
            sigma = SIGMA[0] + (SIGMA[1] - SIGMA[0]) * uniform(16)
            images = where(uniform(17) < probability, blur(xp, images, sigma), images)
        if keras.backend.standardize_dtype(dtype) == "uint8":
            images = xp.numpy.floor(xp.numpy.clip(images, 0, 255) + 0.5)
        return xp.cast(images, dtype)

    def _infer(self, xp: Backend, images: Tensor) -> Tensor:
        size = self._output_size(images.shape)
        if size == tuple(images.shape[1:3]):
            return images
        return crops.middle_crop(xp, images, size, size, "bilinear")

    def _output_size(self, shape: Shape) -> Shape:
        return self.size or tuple(shape[1:3])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], *self._output_size(input_shape), input_shape[-1])

    def get_config(self) -> Config:
        config = {
            "size": self.size,
            "scale": self.scale,
            "ratio": self.ratio,
            "brightness": self.brightness,
            "contrast": self.contrast,
            "saturation": self.saturation,
            "hue": self.hue,
            "jitter_probability": self.jitter_probability,
            "grayscale": self.grayscale,
            "blur": self.blur,
        }
        return {**super().get_config(), **config}
