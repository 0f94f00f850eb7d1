"""Image files of every kind as what a viewer shows: 8-bit RGB, upright, on white."""

import io
import os
import pathlib
from typing import Any

import numpy as np

from keras_spa._types import Array, Path

ORIENTATION = 0x0112  # of EXIF: how a camera was held
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0  # of TIFF: what the levels of grey mean
# What makes each of them upright, by name of Pillow's `Image.Transpose`.
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
LONGEST = 32767  # side in pixels: parts are computed in 32 bits
DEEP = 65535 // 255  # levels of 16 bits in one of 8
SIXTEEN_BITS = ("PNG", "PPM", "JPEG2000")  # formats whose deep levels end at 65535


def turn(image: Any) -> str | None:
    """What makes a Pillow image upright; None: nothing, or nobody can tell."""
    try:
        return TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # damaged EXIF data are no reason not to see the image
        return None


def is_plain(image: Any) -> bool:
    """Whether a Pillow image is RGB or greyscale as it stands, of 8 bits, upright."""
    if max(image.size) > LONGEST:
        return False
    plain = image.mode in ("RGB", "L") and "transparency" not in image.info
    return plain and turn(image) is None


def as_rgb(image: Any) -> Array:
    """A Pillow image as uint8 (H, W, 3).

    It is turned as its EXIF data say; 16-bit levels become 8-bit ones; TIFF files whose
    white is zero, as of scans and X-rays, come as they are meant; what is transparent
    shows white. Of an animation it is the first frame.

    Raises:
        ValueError: sides that are too long; levels that cannot be told from black, or
            lie beyond white.
    """
    from PIL import Image

    if max(image.size) > LONGEST:
        raise ValueError(
            f"its sides must be at most {LONGEST} pixels, they are {image.size}"
        )
    image.load()
    kind = image.format
    tags = image.tag_v2 if kind == "TIFF" else {}
    negative = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
    if (method := turn(image)) is not None:
        image = image.transpose(Image.Transpose[method])
    if image.mode[0] in "IF":
        levels = _levels(np.asarray(image), kind)
        if negative:  # which Pillow sees to at up to 8 bits alone
            levels = 255 - levels
        return np.repeat(levels[..., None], 3, axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def _levels(pixels: Array, kind: str | None) -> Array:
    """Deep grey levels as uint8: integers are of 16 bits, floats of 0..255.

    Formats that do not say so may hold others: what would come out black, and is not,
    or beyond white, is refused.
    """
    whole = pixels.dtype.kind in "iu"
    white = 65535 if whole else 255
    low, high = pixels.min(), pixels.max()
    black = 0 < high < DEEP if whole else 0 < high <= 1
    known = whole and kind in SIXTEEN_BITS
    if not (low >= 0 and high <= white) or (black and not known):
        raise ValueError(
            f"grey levels of type {pixels.dtype} must be in 0..{white}, where {white} "
            f"is white, those of this image are {low:g} to {high:g}; save it with 8 "
            "bits"
        )
    return (pixels // DEEP if whole else pixels + 0.5).astype("uint8")


def read(path: Path, contents: bytes | None = None, small: bool = False) -> Array:
    """The image in a file, or in its `contents`; `small` may give a reduced one.

    Raises:
        ValueError: naming the file, if it is damaged, cut short or no image.
        FileNotFoundError: there is no such file.
    """
    from PIL import Image

    try:
        if contents is None:
            contents = pathlib.Path(path).read_bytes()
        with Image.open(io.BytesIO(contents)) as image:
            if image.format == "PNG":  # its check sums, which decoding does not look at
                image.verify()
        with Image.open(io.BytesIO(contents)) as image:
            if small:
                image.draft("RGB", (1, 1))
            return as_rgb(image)
    except FileNotFoundError:
        raise
    except Exception as error:  # what Pillow's decoders raise is not a closed list
        raise ValueError(f"Cannot read the image '{shown(path)}': {error}") from error


def shown(path: Path | bytes) -> str:
    """A file name for messages and tables, whatever bytes it is made of."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")
