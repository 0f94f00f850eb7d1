"""Operations on the grey levels of RGB images: int32 (B, H, W, 3), values in 0..255.

In integers, and rounded as Pillow rounds them.
"""

from keras_spa._types import Backend, Tensor
from keras_spa.data.augment import _lookup, policies
from keras_spa.data.augment.policies import Policy


def grey(xp: Backend, images: Tensor) -> Tensor:
    """Luma (B, H, W), ITU-R 601-2 in 16-bit fixed point."""
    red, green, blue = (images[..., i] for i in range(3))
    total = red * 19595 + green * 38470 + blue * 7471 + 2**15
    return xp.numpy.right_shift(total, 16)


def rounded_mean(xp: Backend, levels: Tensor) -> Tensor:
    """Mean over all pixels of (B, H, W), rounded to an integer: (B,)."""
    count = levels.shape[1] * levels.shape[2]
    total = xp.numpy.sum(levels, (1, 2))
    whole = xp.numpy.floor_divide(total, count)
    return whole + xp.cast(2 * (total - whole * count) >= count, "int32")


def smooth(xp: Backend, images: Tensor) -> Tensor:
    """Each inner pixel becomes the mean of its 3×3 neighbours, itself five times."""
    height, width = images.shape[1:3]
    if min(height, width) < 3:
        return images
    total = images[:, :-2] + images[:, 1:-1] + images[:, 2:]
    total = total[:, :, :-2] + total[:, :, 1:-1] + total[:, :, 2:]
    total = total + 4 * images[:, 1:-1, 1:-1]
    inner = xp.numpy.floor_divide(2 * total + 13, 26)
    inner = xp.numpy.concatenate([images[:, 1:-1, :1], inner, images[:, 1:-1, -1:]], 2)
    return xp.numpy.concatenate([images[:, :1], inner, images[:, -1:]], 1)


def offsets(xp: Backend, images: Tensor) -> Tensor:
    """Where the 256 entries of each image and channel begin: (B, 1, 1, 3)."""
    batch = xp.shape(images)[0]
    begin = xp.numpy.arange(batch * 3, dtype="int32") * 256
    return xp.numpy.reshape(begin, (batch, 1, 1, 3))


def histogram(xp: Backend, images: Tensor) -> Tensor:
    """How many pixels have each level: (B, 3, 256)."""
    batch = xp.shape(images)[0]
    entries = xp.numpy.reshape(offsets(xp, images) + images, (-1,))
    counts = _lookup.count(xp, entries, batch * 3 * 256)
    return xp.numpy.reshape(counts, (batch, 3, 256))


def auto_contrast_table(xp: Backend, counts: Tensor) -> Tensor:
    """Table (B, 3, 256) that stretches each channel to 0..255."""
    levels = xp.numpy.arange(256, dtype="int32")
    low = xp.numpy.min(xp.numpy.where(counts > 0, levels, 255), -1, keepdims=True)
    high = xp.numpy.max(xp.numpy.where(counts > 0, levels, 0), -1, keepdims=True)
    span = xp.numpy.maximum(high - low, 1)
    stretched = xp.numpy.floor_divide((levels - low) * 255, span)
    return xp.numpy.where(high > low, xp.numpy.clip(stretched, 0, 255), levels)


def equalize_table(xp: Backend, counts: Tensor) -> Tensor:
    """Table (B, 3, 256) that makes the levels of each channel equally frequent."""
    levels = xp.numpy.arange(256, dtype="int32")
    to_here = xp.cast(xp.numpy.cumsum(counts, -1), "int32")
    below = to_here - counts
    # Of the pixels but those of the brightest level, a 255th: a step of the new scale.
    below_top = xp.numpy.max(xp.numpy.where(counts > 0, below, 0), -1, keepdims=True)
    step = xp.numpy.floor_divide(below_top, 255)
    begin = xp.numpy.floor_divide(step, 2)
    table = xp.numpy.floor_divide(begin + below, xp.numpy.maximum(step, 1))
    return xp.numpy.where(step > 0, xp.numpy.minimum(table, 255), levels)


def operate(xp: Backend, images: Tensor, rows: Tensor, policy: Policy) -> Tensor:
    """Image b by the colour operation in row b of `colour_tables`."""
    kinds, fixed, products = map(xp.convert_to_tensor, policies.colour_tables(policy))
    where = xp.numpy.where
    kind = _lookup.take(xp, kinds, rows)[:, None, None]
    table = _lookup.take(xp, fixed, rows)[:, None, :]
    counts = histogram(xp, images)
    table = where(kind == policies.EQUALIZE, equalize_table(xp, counts), table)
    table = where(
        kind == policies.AUTO_CONTRAST, auto_contrast_table(xp, counts), table
    )
    entries = xp.numpy.reshape(table, (-1,))
    mapped = _lookup.take(xp, entries, images + offsets(xp, images))

    # A row has a table or a factor. With a factor of 1 any base leaves the image as it
    # is, so that the bases may be of the image before the table.
    luma = grey(xp, images)
    mean = rounded_mean(xp, luma)
    base = where(kind == policies.GREY, luma, 0)
    base = where(kind == policies.MEAN, mean[:, None, None], base)[..., None]
    base = where(kind[..., None] == policies.SMOOTH, smooth(xp, images), base)
    entry = (511 * rows[:, None, None, None] + 255) + (mapped - base)
    product = _lookup.take(xp, xp.numpy.reshape(products, (-1,)), entry)
    blended = xp.cast(base, "float32") + product
    return xp.cast(xp.numpy.clip(blended, 0, 255), "int32")
