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
    inner = xp.numpy.right_shift((2 * total + 13) * 10083, 18)  # // 26, up to 18,000
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
    low = xp.numpy.where(counts > 0, levels, 255)
    high = xp.numpy.where(counts > 0, levels, 0)
    # With `initial` there may be no images.
    low = xp.numpy.min(low, -1, keepdims=True, initial=255)
    high = xp.numpy.max(high, -1, keepdims=True, initial=0)
    span = xp.numpy.maximum(high - low, 1)
    stretched = xp.numpy.floor_divide((levels - low) * 255, span)
    return xp.numpy.where(high > low, xp.numpy.clip(stretched, 0, 255), levels)


def equalize_table(xp: Backend, counts: Tensor) -> Tensor:
    """Table (B, 3, 256) that makes the levels of each channel equally frequent."""
    levels = xp.numpy.arange(256, dtype="int32")
    to_here = xp.cast(xp.numpy.cumsum(counts, -1), "int32")
    below = to_here - counts
    # Of the pixels but those of the brightest level, a 255th: a step of the new scale.
    below_top = xp.numpy.where(counts > 0, below, 0)
    below_top = xp.numpy.max(below_top, -1, keepdims=True, initial=0)
    step = xp.numpy.floor_divide(below_top, 255)
    begin = xp.numpy.floor_divide(step, 2)
    table = xp.numpy.floor_divide(begin + below, xp.numpy.maximum(step, 1))
    return xp.numpy.where(step > 0, xp.numpy.minimum(table, 255), levels)


def operate(xp: Backend, images: Tensor, rows: Tensor, policy: Policy) -> Tensor:
    """Image b, uint8, by the colour operation in row b of `colour_tables`."""
    kinds, fixed, products = map(xp.convert_to_tensor, policies.colour_tables(policy))

    def by_table(images: Tensor, kind: Tensor, rows: Tensor) -> Tensor:
        shape = (xp.shape(images)[0], 3, 256)
        table = _lookup.take(xp, fixed, rows)[:, None]
        table = xp.numpy.broadcast_to(table, shape)
        levels = xp.cast(images, "int32")
        own = kind >= policies.AUTO_CONTRAST
        table = _lookup.where(xp, own, own_table, table, levels, kind)
        entries = xp.numpy.reshape(table, (-1,))
        return _lookup.take(xp, entries, levels + offsets(xp, levels))

    def own_table(_: Tensor, levels: Tensor, kind: Tensor) -> Tensor:
        counts = histogram(xp, levels)
        equalizes = (kind == policies.EQUALIZE)[:, None, None]
        equalized = equalize_table(xp, counts)
        table = xp.numpy.where(equalizes, equalized, auto_contrast_table(xp, counts))
        return xp.cast(table, "uint8")

    def blend(images: Tensor, kind: Tensor, rows: Tensor) -> Tensor:
        levels = xp.cast(images, "int32")
        luma = grey(xp, levels)
        mean = rounded_mean(xp, luma)[:, None, None]
        base = xp.numpy.where((kind == policies.MEAN)[:, None, None], mean, luma)
        base = xp.numpy.broadcast_to(base[..., None], xp.shape(levels))
        is_smooth = kind == policies.SMOOTH
        base = _lookup.where(xp, is_smooth, lambda _, x: smooth(xp, x), base, levels)
        entry = (511 * rows[:, None, None, None] + 255) + (levels - base)
        product = _lookup.take(xp, xp.numpy.reshape(products, (-1,)), entry)
        blended = xp.cast(base, "float32") + product
        return xp.cast(xp.numpy.clip(blended, 0, 255), "uint8")

    kind = _lookup.take(xp, kinds, rows)
    has_table = (kind >= policies.FIXED) & (kind <= policies.EQUALIZE)
    images = _lookup.where(xp, has_table, by_table, images, kind, rows)
    return _lookup.where(xp, kind >= policies.MEAN, blend, images, kind, rows)
