"""AutoAugment's and RandAugment's operations as tables, one row a variant of one.

Everything that does not depend on the image is computed here once, in NumPy, so that
all backends look the same numbers up.
"""

import functools
import math
from typing import TypeAlias

import numpy as np

from keras_spa._types import Array
from keras_spa.data.augment._pixels import affine_matrix

Operation: TypeAlias = tuple[str, float, float]  # name, probability, magnitude 0..9
Policy: TypeAlias = tuple[tuple[Operation, Operation], ...]

# Each sub-policy: two of (operation, probability, magnitude 0..9).
# Cubuk et al. (2019), appendix, "AutoAugment policy found on reduced CIFAR-10".
CIFAR10: Policy = (
    (("Invert", 0.1, 7), ("Contrast", 0.2, 6)),
    (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
    (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
    (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.5, 8), ("Equalize", 0.9, 2)),
    (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
    (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
    (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
    (("Equalize", 0.6, 5), ("Equalize", 0.5, 1)),
    (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
    (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
    (("Equalize", 0.3, 7), ("AutoContrast", 0.4, 8)),
    (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
    (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
    (("Solarize", 0.5, 2), ("Invert", 0.0, 3)),
    (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.2, 8), ("Equalize", 0.6, 4)),
    (("Color", 0.9, 9), ("Equalize", 0.6, 6)),
    (("AutoContrast", 0.8, 4), ("Solarize", 0.2, 8)),
    (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
    (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 3)),
    (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.9, 2), ("Solarize", 0.8, 3)),
    (("Equalize", 0.8, 8), ("Invert", 0.1, 3)),
    (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 1)),
)
POLICIES = {"cifar10": CIFAR10}
# Cubuk et al. (2020), section 3: the operations of RandAugment.
RANDOM = (
    "Identity",
    "AutoContrast",
    "Equalize",
    "Rotate",
    "Solarize",
    "Color",
    "Posterize",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
)


def of_magnitude(magnitude: float) -> Policy:
    """The operations of RandAugment, two and two: operation k has rows 2k and 2k + 1.

    Its magnitude 10 is AutoAugment's 9, the strongest.
    """
    each = [(name, 1.0, 0.9 * magnitude) for name in RANDOM]
    return tuple(zip(each[::2], each[1::2], strict=True))


# What an operation does to colours: nothing, a fixed table of grey levels, a table of
# the image's own, or a blend with a base.
NONE, FIXED, AUTO_CONTRAST, EQUALIZE, MEAN, GREY, SMOOTH = range(7)
KINDS = {
    "Invert": FIXED,
    "Posterize": FIXED,
    "Solarize": FIXED,
    "Brightness": FIXED,  # a blend with black
    "AutoContrast": AUTO_CONTRAST,
    "Equalize": EQUALIZE,
    "Contrast": MEAN,
    "Color": GREY,
    "Sharpness": SMOOTH,
}
LEVELS = np.arange(256)


def fixed_table(name: str, magnitude: float, sign: int) -> Array:
    """New grey level of each old one, where that is known beforehand."""
    if name == "Invert":
        return 255 - LEVELS
    if name == "Posterize":  # 8 to 4 bits are kept
        bits = round(8 - 4 * magnitude / 9)
        return LEVELS & -(2 ** (8 - bits))
    if name == "Solarize":  # threshold 256 to 0
        threshold = 256 - 256 * magnitude / 9
        return np.where(threshold > LEVELS, LEVELS, 255 - LEVELS)
    if name == "Brightness":
        factor = np.float32(blend_factor(magnitude, sign))
        return np.clip(factor * LEVELS.astype("float32"), 0, 255).astype(int)
    return LEVELS


def blend_factor(magnitude: float, sign: int) -> float:
    """α of `base + α·(image − base)`."""
    return 1 + sign * 0.1 * magnitude


def geometry(
    name: str, magnitude: float, sign: int, height: int, width: int
) -> tuple[float, ...]:
    """Coefficients of the affine map from the output to the input."""
    shear = sign * 0.3 * magnitude / 9
    shift = sign * 150 / 331 * magnitude / 9  # in shares of the side
    if name == "ShearX":
        return 1, shear, 0, 0, 1, 0
    if name == "ShearY":
        return 1, 0, 0, shear, 1, 0
    if name == "TranslateX":
        return 1, 0, shift * width, 0, 1, 0
    if name == "TranslateY":
        return 1, 0, 0, 0, 1, shift * height
    if name == "Rotate":  # 0 to 30 degrees counter-clockwise, about the middle
        angle = -math.radians(sign * 30 * magnitude / 9)
        cos, sin, x, y = math.cos(angle), math.sin(angle), width / 2, height / 2
        return cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y
    return 1, 0, 0, 0, 1, 0


def variants(policy: Policy) -> list[tuple[str, float, int]]:
    """(operation, magnitude, sign) of every row: sub-policy, stage, sign; identity."""
    rows = [
        (name, magnitude, sign)
        for operations in policy
        for name, _, magnitude in operations
        for sign in (1, -1)
    ]
    return [*rows, ("Identity", 0, 1)]


@functools.cache
def colour_tables(policy: Policy) -> tuple[Array, Array, Array]:
    """Kind (R,), fixed table (R, 256) and products α·d for d = −255..255 (R, 511)."""
    rows = variants(policy)
    kinds = np.array([KINDS.get(name, NONE) for name, _, _ in rows], "int32")
    fixed = np.array([fixed_table(*row) for row in rows], "uint8")
    factors = np.array([blend_factor(*row[1:]) for row in rows], "float32")
    products = factors[:, None] * np.arange(-255, 256, dtype="float32")
    return kinds, fixed, products


@functools.cache
def matrices(policy: Policy, height: int, width: int) -> Array:
    """Fixed-point affine maps, int32 (R, 6)."""
    rows = [geometry(*row, height, width) for row in variants(policy)]
    return np.array([affine_matrix(*row) for row in rows])


@functools.cache
def moves(policy: Policy) -> Array:
    """Whether the operation of a row moves pixels, bool (R,)."""
    still = affine_matrix(*geometry("Identity", 0, 1, 1, 1))
    return np.any(matrices(policy, 1, 1) != still, -1)


def probabilities(policy: Policy) -> Array:
    """Of each operation, float32 (S, 2)."""
    return np.array([[p for _, p, _ in pair] for pair in policy], "float32")
