"""Image files of every kind as what a viewer shows: 8-bit RGB, upright, on white."""

import io
from typing import Any

import numpy as np

from keras_spa._types import Array, Path

ORIENTATION = 0x0112  # of EXIF: how a camera was held
DEEP = 65535 // 255  # levels of 16 bits in one of 8


def is_plain(image: Any) -> bool:
    """Whether a Pillow image is RGB or greyscale as it stands, of 8 bits, upright."""
    upright = image.getexif().get(ORIENTATION, 1) == 1
    return upright and image.mode in ("RGB", "L") and "transparency" not in image.info


def as_rgb(image: Any) -> Array:
    """A Pillow image as uint8 (H, W, 3).

    It is turned as its EXIF data say; 16-bit levels become 8-bit ones; what is
    transparent shows white. Of an animation it is the first frame.
    """
    from PIL import Image, ImageOps

    if not is_plain(image):
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            levels = np.clip(np.asarray(image), 0, 65535) // DEEP
            return np.repeat(levels.astype("uint8")[..., None], 3, axis=-1)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))


def read(path: Path, contents: bytes | None = None, small: bool = False) -> Array:
    """The image in a file, or in its `contents`; `small` may give a reduced one.

    Raises:
        ValueError: naming the file, if it is damaged, cut short or no image.
        FileNotFoundError: there is no such file.
    """
    from PIL import Image

    try:
        with Image.open(path if contents is None else io.BytesIO(contents)) as image:
            if small:
                image.draft("RGB", (1, 1))
            return as_rgb(image)
    except FileNotFoundError:
        raise
    except Exception as error:  # what Pillow's decoders raise is not a closed list
        raise ValueError(f"Cannot read the image {str(path)!r}: {error}") from error
