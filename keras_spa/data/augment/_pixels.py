"""Where the pixels of the output come from: integer arithmetic, no rounding to fear."""

from typing import Any, TypeAlias

import keras
import numpy as np

from keras_spa._types import Array, Backend, Tensor
from keras_spa.data.augment import _lookup

Interval: TypeAlias = tuple[Tensor, Tensor, Tensor, Any]  # as `_samples` takes it
FRACTION = 11  # bits of a bilinear weight: two of them and a grey level fill an int32


def positions(
    xp: Backend, batch: Any, height: Any, width: Any
) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of images, rows and columns, int32, broadcasting to (B, H, W)."""
    b = xp.numpy.arange(batch, dtype="int32")[:, None, None]
    y = xp.numpy.arange(height, dtype="int32")[None, :, None]
    x = xp.numpy.arange(width, dtype="int32")[None, None, :]
    return b, y, x


def is_inside(y: Tensor, x: Tensor, height: Any, width: Any) -> Tensor:
    """Whether pixel (y, x) is in the image."""
    return (y >= 0) & (y < height) & (x >= 0) & (x < width)


def take(xp: Backend, images: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Pixels (y, x) of each image, int32 broadcasting to (B, h, w): (B, h, w, C)."""
    batch, height, width, channels = xp.shape(images)
    b = xp.numpy.arange(batch, dtype="int32")[:, None, None]
    flat = xp.numpy.reshape(images, (-1, channels))
    return _lookup.take(xp, flat, (b * height + y) * width + x)


def take_or_fill(
    xp: Backend, images: Tensor, y: Tensor, x: Tensor, valid: Tensor, fill: Any
) -> Tensor:
    """`take` where `valid` (B, h, w), else `fill`."""
    batch, height, width, channels = xp.shape(images)
    b = xp.numpy.arange(batch, dtype="int32")[:, None, None]
    # One pixel more, of `fill`, after the last: numbers are cheaper to choose among
    # than pixels.
    fill = xp.numpy.full((1, channels), fill, dtype=images.dtype)
    flat = xp.numpy.concatenate([xp.numpy.reshape(images, (-1, channels)), fill])
    index = (b * height + y) * width + x
    index = xp.numpy.where(valid, index, batch * height * width)
    return _lookup.take(xp, flat, index)


def affine_matrix(a: float, b: float, c: float, d: float, e: float, f: float) -> Array:
    """16.16 fixed-point form of the map (x, y) -> (ax + by + c, dx + ey + f).

    From pixel centre to pixel centre, rounded as Pillow rounds it.
    """
    row = [a, b, c + 0.5 * a + 0.5 * b, d, e, f + 0.5 * d + 0.5 * e]
    return np.floor(np.array(row) * 65536 + 0.5).astype("int32")


def _map(xp: Backend, matrices: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    a, b, c, d, e, f = (matrices[:, i, None, None] for i in range(6))
    return (
        xp.numpy.right_shift(d * x + e * y + f, 16),
        xp.numpy.right_shift(a * x + b * y + c, 16),
    )


def two_affine(
    xp: Backend, images: Tensor, first: Tensor, second: Tensor, fill: Any
) -> Tensor:
    """Images resampled (nearest) by `first`, then by `second`, in one gather.

    A pixel that either of them finds outside the image is `fill`.

    Args:
        first, second: int32 (B, 6), as `affine_matrix` makes them: from the output to
            the input.
    """
    batch, height, width, _ = xp.shape(images)
    _, y, x = positions(xp, batch, height, width)
    y, x = _map(xp, second, y, x)
    valid = is_inside(y, x, height, width)
    y, x = _map(xp, first, y, x)
    valid = valid & is_inside(y, x, height, width)
    return take_or_fill(xp, images, y, x, valid, fill)


def _samples(
    xp: Backend, index: Tensor, start: Tensor, length: Tensor, size: Any
) -> tuple[Tensor, ...]:
    """Which two pixels, and with which weight of the second, make a new pixel.

    Pixel `index` (B, n) of `size` that cover the interval of `length` pixels from
    `start` on, int32 (B, 1). The weight is in 0..2^FRACTION−1.
    """
    twice = (2 * index + 1) * length  # index + 0.5, times 2·size
    whole = xp.numpy.floor_divide(twice, 2 * size)
    rest = (twice - whole * (2 * size)) * 2**FRACTION
    position = whole * 2**FRACTION + xp.numpy.floor_divide(rest, 2 * size)
    position = position - 2 ** (FRACTION - 1)
    low = xp.numpy.right_shift(position, FRACTION)
    weight = xp.numpy.bitwise_and(position, 2**FRACTION - 1)
    last = length - 1
    high = xp.numpy.minimum(low + 1, last) + start
    return xp.numpy.maximum(low, 0) + start, high, weight, whole + start


def resample(
    xp: Backend, images: Tensor, rows: Interval, columns: Interval, interpolation: str
) -> Tensor:
    """New images (B, h, w, C) from `rows` and `columns` of the old.

    uint8 is computed in integers, hence the same on every backend; without
    antialiasing.

    Args:
        rows, columns: the four arguments that `_samples` takes.
        interpolation: `"bilinear"` or `"nearest"`.
    """
    y, y_next, y_weight, y_nearest = _samples(xp, *rows)
    x, x_next, x_weight, x_nearest = _samples(xp, *columns)
    if interpolation == "nearest":
        return take(xp, images, y_nearest[:, :, None], x_nearest[:, None, :])
    whole_numbers = keras.backend.standardize_dtype(images.dtype) == "uint8"
    one = 2**FRACTION
    if not whole_numbers:
        one = 1.0
        y_weight = xp.cast(y_weight, "float32") * 2.0**-FRACTION
        x_weight = xp.cast(x_weight, "float32") * 2.0**-FRACTION

    def interpolate(low: Tensor, high: Tensor, weight: Tensor) -> Tensor:
        if whole_numbers:
            low, high = xp.cast(low, "int32"), xp.cast(high, "int32")
        return low * (one - weight) + high * weight

    batch, height, width, channels = xp.shape(images)
    b = xp.numpy.arange(batch, dtype="int32")[:, None]
    lines = xp.numpy.reshape(images, (-1, width * channels))
    low = _lookup.take(xp, lines, b * height + y)
    high = _lookup.take(xp, lines, b * height + y_next)
    lines = interpolate(low, high, y_weight[..., None])
    lines = xp.numpy.reshape(lines, (batch, y.shape[1], width, channels))
    row = xp.numpy.arange(y.shape[1], dtype="int32")[None, :, None]
    low, high = (take(xp, lines, row, i[:, None, :]) for i in (x, x_next))
    new = interpolate(low, high, x_weight[:, None, :, None])
    if whole_numbers:
        half = 2 ** (2 * FRACTION - 1)
        new = xp.cast(xp.numpy.right_shift(new + half, 2 * FRACTION), "uint8")
    return new
