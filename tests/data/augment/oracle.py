"""Draws and augmentations one image at a time, in NumPy and Pillow."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

GOLDEN = np.uint32(0x9E3779B9)
# Of RandAugment, in the order of the paper.
RANDOM = (
    *("Identity", "AutoContrast", "Equalize", "Rotate", "Solarize", "Color"),
    *("Posterize", "Contrast", "Brightness", "Sharpness", "ShearX", "ShearY"),
    *("TranslateX", "TranslateY"),
)


def mix(x):
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def bits(seed, shape, stream):
    """uint32 array: the draws of `draws`, in unsigned arithmetic."""
    with np.errstate(over="ignore"):
        first, second = np.array(seed, "int64").astype("uint32")
        key = mix(mix(first + GOLDEN) ^ second)
        key = mix(key + np.uint32(stream + 1) * GOLDEN)
        return mix(np.arange(np.prod(shape), dtype="uint32") + key).reshape(shape)


def uniform(seed, shape, stream):
    return np.float32(bits(seed, shape, stream) >> np.uint32(8)) / np.float32(2**24)


def integers(seed, shape, stream, high):
    return np.floor(uniform(seed, shape, stream) * np.float32(high)).astype(int)


def operate(image, name, magnitude, sign, strongest=9):
    """A Pillow image by one operation, levels as in the policy's common form."""
    size = width, height = image.size
    share = magnitude / strongest
    shear, shift = sign * 0.3 * share, sign * 150 / 331 * share
    maps = {
        "ShearX": (1, shear, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, shear, 1, 0),
        "TranslateX": (1, 0, shift * width, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, shift * height),
    }
    if name == "Identity":
        return image
    if name in maps:
        grey = (128, 128, 128)
        affine = Image.Transform.AFFINE
        return image.transform(size, affine, maps[name], fillcolor=grey)
    if name == "Rotate":
        return image.rotate(sign * 30 * share, fillcolor=(128, 128, 128))
    if name == "Posterize":
        return ImageOps.posterize(image, round(8 - 4 * share))
    if name == "Solarize":
        return ImageOps.solarize(image, 256 * (1 - share))
    if name in ("Invert", "AutoContrast", "Equalize"):
        return getattr(ImageOps, name.lower())(image)
    return getattr(ImageEnhance, name)(image).enhance(1 + sign * 0.9 * share)


def auto_augment(images, seed, policy):
    """The draws of `AutoAugment`, image by image, done by Pillow."""
    batch = len(images)
    chosen = integers(seed, batch, 0, len(policy))
    happens = [uniform(seed, batch, 1), uniform(seed, batch, 3)]
    signs = [1 - 2 * integers(seed, batch, stream, 2) for stream in (2, 4)]
    done = np.empty_like(images)
    for i, array in enumerate(images):
        image = Image.fromarray(array)
        for stage, (name, probability, level) in enumerate(policy[chosen[i]]):
            if happens[stage][i] < np.float32(probability):
                image = operate(image, name, level, signs[stage][i])
        done[i] = np.array(image)
    return done


def rand_augment(images, seed, num_ops, magnitude, probability=1.0):
    """The draws of `RandAugment`, image by image, done by Pillow; and their names."""
    batch = len(images)
    done, names = images.copy(), np.full((batch, num_ops), "Identity", object)
    for place in range(num_ops):
        chosen = integers(seed, batch, 3 * place, len(RANDOM))
        signs = 1 - 2 * integers(seed, batch, 3 * place + 1, 2)
        happens = uniform(seed, batch, 3 * place + 2) < np.float32(probability)
        for i in np.flatnonzero(happens):
            names[i, place] = RANDOM[chosen[i]]
            image = Image.fromarray(done[i])
            image = operate(image, names[i, place], magnitude, signs[i], strongest=10)
            done[i] = np.array(image)
    return done, names


def crop_flip(images, seed, padding):
    batch, height, width, _ = images.shape
    corner = integers(seed, (batch, 2), 0, 2 * padding + 1)
    mirrored = integers(seed, batch, 1, 2)
    edges = ((padding, padding), (padding, padding), (0, 0))
    done = []
    for image, (top, left), mirror in zip(images, corner, mirrored, strict=True):
        padded = np.pad(image, edges)
        crop = padded[top : top + height, left : left + width]
        done.append(crop[:, ::-1] if mirror else crop)
    return np.stack(done)


def cutout(images, seed, size, fill):
    batch, height, width, _ = images.shape
    done = images.copy()
    for i in range(batch):
        top = integers(seed, batch, 0, height)[i] - size // 2
        left = integers(seed, batch, 1, width)[i] - size // 2
        done[i, max(0, top) : top + size, max(0, left) : left + size] = fill
    return done


def box(seed, batch, i, height, width, scale, ratio):
    """Top, left, height and width of the random resized crop of image i."""
    steps = (np.arange(4096) + 0.5) / 4096
    areas = (scale[0] + (scale[1] - scale[0]) * steps) * height * width
    ratios = ratio[0] * (ratio[1] / ratio[0]) ** steps
    for attempt in range(10):
        area = areas[integers(seed, (batch, 10), 0, 4096)[i, attempt]]
        shape = ratios[integers(seed, (batch, 10), 1, 4096)[i, attempt]]
        h, w = round(np.sqrt(area / shape)), round(np.sqrt(area * shape))
        if 1 <= h <= height and 1 <= w <= width:
            top = integers(seed, batch, 2, height + 1 - h)[i]
            left = integers(seed, batch, 3, width + 1 - w)[i]
            return top, left, h, w
    h = min(height, round(width / ratio[0]))
    w = min(width, round(height * ratio[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def resize(image, height, width):
    """Bilinear, without antialiasing, pixel by pixel: float64."""
    old_height, old_width, channels = image.shape
    done = np.empty((height, width, channels))
    for i in range(height):
        y = np.clip((i + 0.5) * old_height / height - 0.5, 0, old_height - 1)
        for j in range(width):
            x = np.clip((j + 0.5) * old_width / width - 0.5, 0, old_width - 1)
            top, left = int(y), int(x)
            below, right = min(top + 1, old_height - 1), min(left + 1, old_width - 1)
            upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            lower = image[below, left] * (1 - x + left)
            lower = lower + image[below, right] * (x - left)
            done[i, j] = upper * (1 - y + top) + lower * (y - top)
    return done
