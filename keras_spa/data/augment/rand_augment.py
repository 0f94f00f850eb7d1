from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Tensor
from keras_spa.data.augment import draws, policies
from keras_spa.data.augment._values import ColourLayer
from keras_spa.data.augment.auto_augment import two_operations

IDENTITY = 2 * len(policies.RANDOM)  # the last row of the tables


@keras.saving.register_keras_serializable(package="keras_spa")
class RandAugment(ColourLayer):
    """N operations of one magnitude M for each image, drawn anew, one by one.

    Each is one of 14, all equally likely, with replacement: identity, auto-contrast,
    equalize, rotate, solarize, color, posterize, contrast, brightness, sharpness, and
    shear and translation along x and y. M is on a scale of 0 to 10, at which an
    operation is strongest: shear by 0.3, translation by 150/331 of the side, rotation
    by 30 degrees, posterization to 4 bits, solarization of all levels, and a factor of
    1 ± 0.9 for color, contrast, brightness and sharpness; M = 0 leaves all of these
    out. The signs of shear, translation, rotation and of the ± are drawn for each
    image, both equally likely.

    The operations are those of `AutoAugment`: what Pillow does with the image, to one
    grey level; geometric ones resample to the nearest pixel and fill with grey 128.
    Float images are rounded to whole grey levels first. In inference images are
    unchanged.

    Args:
        num_ops: N, at least 1. Defaults to 2.
        magnitude: M, in 0..10. Defaults to 9.
        probability: With which each drawn operation takes place, in 0..1. Defaults to
            1; 0.5 is common among implementations.
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
    >>> from keras import ops
    >>> from keras_spa.data.augment import RandAugment
    >>> layer = RandAugment(num_ops=1, magnitude=10)
    >>> image = np.arange(12, dtype="uint8").reshape(1, 2, 2, 3)
    >>> ops.convert_to_numpy(layer.augment(image, seed=(0, 2)))[0, 0].tolist()
    [[3, 4, 5], [128, 128, 128]]

    Reference: Cubuk et al. (NeurIPS 2020), "RandAugment: Practical Automated Data
    Augmentation with a Reduced Search Space", section 3; N = 2, M = 9 are theirs for
    ResNet-50 on ImageNet. Ranges and signs are those of `AutoAugment`, and M ends at
    10, where theirs may go beyond. Probabilities other than 1 are not in the paper.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: float = 9,
        probability: float = 1.0,
        seed: int | None = None,
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, value_range, **kwargs)
        self.num_ops = _checks.integer("num_ops", num_ops, 1)
        self.magnitude = _checks.number("magnitude", magnitude, 0, 10)
        self.probability = _checks.number("probability", probability, 0, 1)

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        policy = policies.of_magnitude(self.magnitude)
        batch = xp.shape(images)[0]
        rows = [self._rows(xp, seed, batch, n) for n in range(self.num_ops)]
        if len(rows) % 2:
            rows.append(xp.numpy.full_like(rows[0], IDENTITY))
        for first, second in zip(rows[::2], rows[1::2], strict=True):
            images = two_operations(xp, images, first, second, policy)
        return images

    def _rows(self, xp: Backend, seed: Tensor, batch: Any, place: int) -> Tensor:
        """The operation of each image at a place, a row of the tables: int32 (B,)."""
        chosen = draws.integers(xp, seed, (batch,), 3 * place, len(policies.RANDOM))
        sign = draws.integers(xp, seed, (batch,), 3 * place + 1, 2)
        happens = draws.uniform(xp, seed, (batch,), 3 * place + 2) < self.probability
        return xp.numpy.where(happens, 2 * chosen + sign, IDENTITY)

    def get_config(self) -> Config:
        config = {
            "num_ops": self.num_ops,
            "magnitude": self.magnitude,
            "probability": self.probability,
        }
        return {**super().get_config(), **config}
