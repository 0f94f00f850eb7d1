"""Which part of an image is kept: Inception's random boxes, and the middle.

A part is said by its `rows` and `columns`, each a tuple `(index, start, length, size)`:
pixels `index` (B, n) of `size` that cover the interval of `length` pixels of the image
from `start` on, int32 (B, 1). `_pixels.resample` makes the new image from them.

The height and the width of the images are Python integers or, in a TensorFlow graph,
int32 (B, 1): image files differ in size, which is known when they are read. `seed` is
one for the batch, (2,), or one for each image, (B, 2).
"""

from typing import Any

import numpy as np

from keras_spa._types import Array, Backend, Tensor
from keras_spa.data.augment import _lookup, _pixels, draws
from keras_spa.data.augment._pixels import Interval

SCALE, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # Szegedy et al. (2015), section 6
KEPT, COVER = 224, 256  # evaluation resizes to cover 256 where it keeps 224
ATTEMPTS = 10
GRID = 4096


def evaluation_cover(size: tuple[int, int]) -> tuple[int, int]:
    """What images are resized to cover before `size` is cut out: 256 for 224."""
    return size[0] * COVER // KEPT, size[1] * COVER // KEPT


def random_box(
    xp: Backend,
    seed: Tensor,
    batch: Any,
    height: Any,
    width: Any,
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A random box for each image: top, left, height, width, int32 (B, 1).

    Of ten draws of area and aspect ratio the first that fits in the image; if none
    does, the largest box in the middle whose aspect ratio is allowed. Area and log
    aspect ratio take one of 4,096 values each, from tables, so that no backend's
    rounding of a root or a logarithm counts.
    """
    shape, steps = (batch, ATTEMPTS), (np.arange(GRID) + 0.5) / GRID
    area = scale[0] + (scale[1] - scale[0]) * steps
    log_ratio = np.log(ratio[0]) + np.log(ratio[1] / ratio[0]) * steps
    stretch = np.float32(np.exp(log_ratio / 2))
    side = draws.integers(xp, seed, shape, 0, GRID)
    side, middle_h, middle_w = _sizes(xp, area, side, height, width, ratio)
    shift = draws.integers(xp, seed, shape, 1, GRID)
    wider = _lookup.take(xp, xp.convert_to_tensor(stretch), shift)
    taller = _lookup.take(xp, xp.convert_to_tensor(1 / stretch), shift)
    w = xp.cast(xp.numpy.round(side * wider), "int32")
    h = xp.cast(xp.numpy.round(side * taller), "int32")
    fits = (w >= 1) & (w <= width) & (h >= 1) & (h <= height)
    number = xp.numpy.arange(ATTEMPTS, dtype="int32")[None]
    first = xp.numpy.min(xp.numpy.where(fits, number, ATTEMPTS), -1, keepdims=True)
    chosen = xp.cast(number == first, "int32")
    none = first == ATTEMPTS
    w = xp.numpy.where(none, middle_w, xp.numpy.sum(w * chosen, -1, keepdims=True))
    h = xp.numpy.where(none, middle_h, xp.numpy.sum(h * chosen, -1, keepdims=True))
    top = draws.integers(xp, seed, (batch, 1), 2, height + 1 - h)
    left = draws.integers(xp, seed, (batch, 1), 3, width + 1 - w)
    top = xp.numpy.where(none, (height - middle_h) // 2, top)
    left = xp.numpy.where(none, (width - middle_w) // 2, left)
    return top, left, h, w


def _sizes(
    xp: Backend,
    area: Array,
    index: Tensor,
    height: Any,
    width: Any,
    ratio: tuple[float, float],
) -> tuple[Any, Any, Any]:
    """√(area[index]·H·W), float32, and the sides of the largest allowed box."""
    if isinstance(height, int):  # before the graph: not all backends have float64
        sides = np.sqrt(area * height * width).astype("float32")
        middle_w = max(1, min(width, round(height * ratio[1])))
        middle_h = max(1, min(height, round(width / ratio[0])))
        return _lookup.take(xp, xp.convert_to_tensor(sides), index), middle_h, middle_w
    h, w = xp.cast(height, "float64"), xp.cast(width, "float64")
    side = xp.numpy.sqrt(h * _lookup.take(xp, xp.convert_to_tensor(area), index) * w)
    widest = xp.cast(xp.numpy.round(h * ratio[1]), "int32")
    tallest = xp.cast(xp.numpy.round(w / ratio[0]), "int32")
    middle_w = xp.numpy.maximum(1, xp.numpy.minimum(width, widest))
    middle_h = xp.numpy.maximum(1, xp.numpy.minimum(height, tallest))
    return xp.cast(side, "float32"), middle_h, middle_w


def random_mirror(xp: Backend, seed: Tensor, batch: Any) -> Tensor:
    """Whether each image is mirrored: 0 or 1, int32 (B, 1)."""
    return draws.integers(xp, seed, (batch, 1), 4, 2)


def random_part(
    xp: Backend,
    seed: Tensor,
    batch: Any,
    height: Any,
    width: Any,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    flip: bool,
) -> tuple[Interval, Interval]:
    """`rows` and `columns` of a random box of each image, perhaps mirrored."""
    top, left, h, w = random_box(xp, seed, batch, height, width, scale, ratio)
    y, x = (xp.numpy.arange(length, dtype="int32")[None] for length in size)
    if flip:
        x = x + random_mirror(xp, seed, batch) * (size[1] - 1 - 2 * x)
    return (y, top, h, size[0]), (x, left, w, size[1])


def middle_part(
    xp: Backend,
    batch: Any,
    height: Any,
    width: Any,
    size: tuple[int, int],
    cover: tuple[int, int],
) -> tuple[Interval, Interval]:
    """`rows` and `columns` of the middle `size` of images resized to cover `cover`.

    Both are (height, width). The aspect ratio is kept: one side is that of `cover`,
    the other as long or longer.
    """
    wide = cover[0] * width >= cover[1] * height
    if isinstance(wide, bool):
        choose, larger = (lambda a, b: a if wide else b), max
    else:
        choose, larger = (lambda a, b: xp.numpy.where(wide, a, b)), xp.numpy.maximum
    resized = (
        choose(cover[0], larger(cover[0], height * cover[1] // width)),
        choose(larger(cover[1], width * cover[0] // height), cover[1]),
    )
    part = []
    for old, new, kept in zip((height, width), resized, size, strict=True):
        zeros = xp.numpy.zeros((batch, 1), dtype="int32")
        index = xp.numpy.arange(kept, dtype="int32")[None] + (new - kept) // 2
        part.append((zeros + index, zeros, zeros + old, new))
    rows, columns = part
    return rows, columns


def middle_box(
    xp: Backend,
    batch: Any,
    height: Any,
    width: Any,
    size: tuple[int, int],
    cover: tuple[int, int],
) -> tuple[Tensor, ...]:
    """`middle_part` to whole pixels: top, left, height, width, int32 (B, 1)."""
    corner, sides = [], []
    part = middle_part(xp, batch, height, width, size, cover)
    for kept, (index, start, old, new) in zip(size, part, strict=True):
        corner.append(start + (2 * index[:, :1] * old + new) // (2 * new))
        sides.append(start + xp.numpy.maximum(1, (2 * kept * old + new) // (2 * new)))
    return *corner, *sides


def random_crop(
    xp: Backend,
    images: Tensor,
    seed: Tensor,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    flip: bool,
    interpolation: str,
) -> Tensor:
    """A random box of each image, resized to `size` and perhaps mirrored."""
    batch, height, width, _ = xp.shape(images)
    rows, columns = random_part(
        xp, seed, batch, height, width, size, scale, ratio, flip
    )
    return _pixels.resample(xp, images, rows, columns, interpolation)


def middle_crop(
    xp: Backend,
    images: Tensor,
    size: tuple[int, int],
    cover: tuple[int, int],
    interpolation: str,
) -> Tensor:
    """The middle `size` of images resized to cover `cover`, both (height, width)."""
    batch, height, width, _ = xp.shape(images)
    rows, columns = middle_part(xp, batch, height, width, size, cover)
    return _pixels.resample(xp, images, rows, columns, interpolation)
