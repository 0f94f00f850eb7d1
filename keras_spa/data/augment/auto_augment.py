from collections.abc import Iterator
from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Backend, Config, Tensor
from keras_spa.data.augment import _colour, _lookup, _pixels, draws, policies
from keras_spa.data.augment._values import ColourLayer
from keras_spa.data.augment.policies import Policy

FILL = 128


@keras.saving.register_keras_serializable(package="keras_spa")
class AutoAugment(ColourLayer):
    """One of the learnt sub-policies for each image: two operations, one by one.

    Each operation of the drawn sub-policy takes place with its own probability. Levels
    0..9 stand for: shear 0 to 0.3, translation 0 to 150/331 of the side, rotation 0 to
    30 degrees, posterization to 8 to 4 bits, solarization from 256 to 0 on, and 1 ± 0
    to 0.9 for colour, contrast, brightness and sharpness. The signs of shear,
    translation, rotation and of the ± are drawn for each image, both equally likely.

    Each operation is what Pillow does with the image, to one grey level; geometric
    ones resample to the nearest pixel and fill with grey 128. Float images are rounded
    to whole grey levels first. In inference images are unchanged.

    Args:
        policy: `"cifar10"` (default): 25 sub-policies, also used for CIFAR-100.
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
    >>> from keras_spa.data.augment import AutoAugment
    >>> layer = AutoAugment()
    >>> image = np.arange(12, dtype="uint8").reshape(1, 2, 2, 3)
    >>> ops.convert_to_numpy(layer.augment(image, seed=(0, 6)))[0, 0].tolist()
    [[0, 0, 0], [1, 1, 2]]

    Reference: Cubuk et al. (CVPR 2019), "AutoAugment: Learning Augmentation Strategies
    from Data", section 3.2 and the appendix' table of the CIFAR-10 policy. Random signs
    are as in its common implementations, not in the paper's tables.
    """

    def __init__(
        self,
        policy: str = "cifar10",
        seed: int | None = None,
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, value_range, **kwargs)
        self.policy = _checks.choice("policy", policy, tuple(policies.POLICIES))

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        policy = policies.POLICIES[self.policy]
        first, second = self._rows(xp, seed, xp.shape(images)[0], policy)
        return two_operations(xp, images, first, second, policy)

    @staticmethod
    def _rows(
        xp: Backend, seed: Tensor, batch: Any, policy: Policy
    ) -> Iterator[Tensor]:
        """The operations of each image, as rows of the tables: two int32 (B,)."""
        chosen = draws.integers(xp, seed, (batch,), 0, len(policy))
        probabilities = xp.convert_to_tensor(policies.probabilities(policy))
        probabilities = _lookup.take(xp, probabilities, chosen)
        for stage in (0, 1):
            happens = draws.uniform(xp, seed, (batch,), 1 + 2 * stage)
            sign = draws.integers(xp, seed, (batch,), 2 + 2 * stage, 2)
            row = 4 * chosen + 2 * stage + sign
            identity = 4 * len(policy)
            yield xp.numpy.where(happens < probabilities[:, stage], row, identity)

    def get_config(self) -> Config:
        return {**super().get_config(), "policy": self.policy}


def two_operations(
    xp: Backend, images: Tensor, first: Tensor, second: Tensor, policy: Policy
) -> Tensor:
    """Images by two operations, one by one: rows of the policy's tables, int32 (B,).

    Values in 0..255 are rounded to whole grey levels; the dtype stays.
    """
    levels = images
    if "float" in keras.backend.standardize_dtype(images.dtype):
        levels = xp.numpy.floor(xp.numpy.clip(images, 0, 255) + 0.5)
    levels = xp.cast(levels, "uint8")
    # One operation a stage, so any two are in their order: colour of the first,
    # both geometric ones, colour of the second.
    levels = _colour.operate(xp, levels, first, policy)
    matrices = policies.matrices(policy, *images.shape[1:3])
    tables = [*map(xp.convert_to_tensor, (matrices, policies.moves(policy)))]
    (one, moved), (other, moved_again) = (
        [_lookup.take(xp, table, rows) for table in tables] for rows in (first, second)
    )

    def move(levels: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return _pixels.two_affine(xp, levels, one, other, FILL)

    levels = _lookup.where(xp, moved | moved_again, move, levels, one, other)
    levels = _colour.operate(xp, levels, second, policy)
    return xp.cast(levels, images.dtype)
