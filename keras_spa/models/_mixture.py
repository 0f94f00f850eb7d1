"""Two batches mixed, in two ways and by one share."""

from typing import Any

import keras
from keras import ops

from keras_spa._types import Tensor


class Mixture(keras.Layer):
    """MixUp of the first views and CutMix of the second, by one share λ a batch.

    λ is uniform in 0..1, Beta(1, 1). CutMix pastes the partners' pixels in one box a
    batch, of (1 − λ) of the area and with its centre anywhere: at the border less of it
    is left.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(
        self,
        views: tuple[Tensor, Tensor],
        partners: tuple[Tensor, Tensor],
        whole: bool = True,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`(mixed, cut, λ)`, λ () in float32.

        Pixels that are whole numbers stay so, rounded, if `whole`; else their MixUp is
        float32.
        """
        (first, second), (other_first, other_second) = views, partners
        drawn = keras.random.uniform((3,), dtype="float32", seed=self.generator)
        share, *center = ops.unstack(drawn, 3)
        outside = ops.logical_not(box(second.shape[1:3], share, center))
        cut = ops.where(outside, second, other_second)
        return mix(first, other_first, share, whole), cut, share

    def save_own_variables(self, store: Any) -> None:
        store["seed_state"] = ops.convert_to_numpy(self.generator.state)

    def load_own_variables(self, store: Any) -> None:
        self.generator.state.assign(store["seed_state"][...])


def mix(images: Tensor, others: Tensor, share: Tensor, whole: bool) -> Tensor:
    """λ·images + (1 − λ)·others."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    mixed = share * ops.cast(images, "float32")
    mixed = mixed + (1 - share) * ops.cast(others, "float32")
    if "float" in dtype:
        return ops.cast(mixed, dtype)
    return ops.cast(ops.round(mixed), dtype) if whole else mixed


def box(size: Any, share: Tensor, center: Any) -> Tensor:
    """Where the other image shows: boolean (1, H, W, 1). `center` is in 0..1."""
    inside = []
    for length, middle in zip(size, center, strict=True):
        pixels = ops.arange(length, dtype="float32") + 0.5
        reach = 0.5 * length * ops.sqrt(1 - share)
        inside.append(ops.abs(pixels - length * middle) < reach)
    return ops.logical_and(inside[0][:, None], inside[1])[None, :, :, None]
