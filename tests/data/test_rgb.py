"""Pictures of every kind come as a viewer shows them, from both decoders alike."""

import numpy as np
import pytest
from PIL import Image

from keras_spa.data import ImageFiles, pipeline

RAMP = np.linspace(0, 255, 64, dtype="uint8")
GREY = np.repeat(RAMP[None], 64, axis=0)  # dark on the left, light on the right
UPRIGHT = np.stack([GREY, GREY.T, np.full_like(GREY, 90)], axis=-1)
WHITE_RIGHT = np.where(np.arange(64)[:, None] < 32, UPRIGHT, 255).astype("uint8")


def with_alpha(image):
    """Its right half transparent, and of another colour there."""
    alpha = np.where(np.arange(64) < 32, 255, 0).astype("uint8")
    alpha = np.broadcast_to(alpha, (64, 64))[..., None]
    return np.concatenate([np.where(alpha > 0, image, 7), alpha], axis=-1)


def rgb(path):
    Image.fromarray(UPRIGHT).save(path)
    return UPRIGHT


def grey(path):
    Image.fromarray(GREY).save(path, **({"quality": 98} if "jpg" in path.name else {}))
    return np.stack([GREY] * 3, axis=-1)


def grey_with_alpha(path):
    pixels = with_alpha(GREY[..., None].repeat(3, -1))
    Image.fromarray(pixels[..., [0, 3]], "LA").save(path)
    return np.where(
        np.arange(64)[:, None] < 32, GREY[..., None].repeat(3, -1), 255
    ).astype("uint8")


def rgba(path):
    Image.fromarray(with_alpha(UPRIGHT)).save(path)
    return WHITE_RIGHT


def palette_with_transparency(path):
    image = Image.fromarray(np.where(np.arange(64) < 32, 0, 1).astype("uint8"))
    image = image.resize((64, 64))
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.save(path, transparency=1)
    expected = np.full((64, 64, 3), 255, "uint8")
    expected[np.asarray(image) == 0] = (200, 0, 0)
    return expected


def sixteen_bits(path):
    Image.fromarray(GREY.astype("uint16") * 257).save(path)
    return np.stack([GREY] * 3, axis=-1)


def rotated(path):
    """As a camera held upright writes it: the pixels lie, EXIF says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.ascontiguousarray(np.rot90(UPRIGHT))
    options = {"quality": 98, "subsampling": 0} if path.suffix == ".jpg" else {}
    Image.fromarray(lying).save(path, exif=exif, **options)
    return UPRIGHT


def on_a_canvas(path):
    """A GIF whose frame is a part of its canvas."""
    Image.fromarray(GREY[:32, :32]).save(path)
    contents = bytearray(path.read_bytes())
    contents[6], contents[8] = 64, 64
    path.write_bytes(contents)
    expected = np.zeros((64, 64, 3), "uint8")
    expected[:32, :32] = GREY[:32, :32, None]
    return expected


KINDS = [
    *((rgb, ending) for ending in ("png", "bmp", "webp", "tif")),
    *((grey, ending) for ending in ("jpg", "png", "gif", "tif")),
    *((grey_with_alpha, "png"), (rgba, "png"), (rgba, "tif")),
    *((palette_with_transparency, "png"), (palette_with_transparency, "gif")),
    *((sixteen_bits, "png"), (sixteen_bits, "tif")),
    *((rotated, "jpg"), (rotated, "png"), (on_a_canvas, "gif")),
]
IDS = [f"{make.__name__}.{ending}" for make, ending in KINDS]
LOSSY = {"jpg": 5, "webp": 12}


@pytest.mark.parametrize(("make", "ending"), KINDS, ids=IDS)
def test_a_picture_is_what_a_viewer_shows(tmp_path, make, ending):
    expected = make(tmp_path / f"a.{ending}")
    image = ImageFiles([tmp_path / f"a.{ending}"])[0]
    assert (image.dtype, image.shape) == (np.uint8, (64, 64, 3))
    apart = np.abs(image.astype(int) - expected)
    assert np.percentile(apart, 99) <= LOSSY.get(ending, 0)


def test_both_decoders_agree(tmp_path):
    for i, (make, ending) in enumerate(KINDS):
        make(tmp_path / f"{i:02}.{ending}")
    files = ImageFiles(sorted(tmp_path.iterdir()))
    data = files, np.zeros(len(files), int)
    ((images, _),) = pipeline(data, len(files), training=False, image_size=56)
    for image, file, name in zip(images.numpy(), files, IDS, strict=True):
        middle = file[4:60, 4:60].astype(int)  # 7/8 of the side, at its own size
        assert np.abs(image - middle).max() <= 3, name


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path):
    """Its check sums are right, its pixels end too early."""
    path = tmp_path / "cut.tif"
    Image.fromarray(UPRIGHT).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Exception, match="cut.tif"):
        list(pipeline((ImageFiles([path]), [0]), 1, training=False, image_size=8))
