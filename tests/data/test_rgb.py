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


def turned(orientation):
    """The pixels of each value of EXIF's orientation, by its definition."""
    rows = [
        *(UPRIGHT, UPRIGHT[:, ::-1], UPRIGHT[::-1, ::-1], UPRIGHT[::-1]),
        *(UPRIGHT.swapaxes(0, 1), np.rot90(UPRIGHT)),
        *(np.rot90(UPRIGHT, 2).swapaxes(0, 1), np.rot90(UPRIGHT, -1)),
    ][orientation - 1]

    def held(path):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.ascontiguousarray(rows)).save(path, exif=exif)
        return UPRIGHT

    held.__name__ = f"turned_{orientation}"
    return held


def grey_of(dtype, white):
    """Levels of another type, of which one is white."""

    def deep(path):
        levels = GREY * (white / 255)
        Image.fromarray(levels.astype(dtype)).save(path)
        return np.stack([GREY] * 3, axis=-1)

    deep.__name__ = f"grey_{dtype}"
    return deep


def white_is_zero(dtype, white):
    """A negative, as scanners write it: the file says that its zero is white."""

    def negative(path):
        levels = (255 - GREY) * (white / 255)
        if dtype == "uint8":  # which Pillow turns round by itself as it writes
            levels = 255 - levels
        image = Image.fromarray(levels.astype(dtype))
        image.save(path, tiffinfo={262: 0})
        with Image.open(path) as written:
            assert written.tag_v2[262] == 0
        return np.stack([GREY] * 3, axis=-1)

    negative.__name__ = f"negative_{dtype}"
    return negative


def damaged_exif(path):
    """Its pixels are whole: a viewer shows them."""
    exif = b"Exif\0\0II*\0\xff\xff\xff\x7f"
    Image.fromarray(UPRIGHT).save(path, exif=exif, quality=98, subsampling=0)
    return UPRIGHT


def cmyk(path):
    Image.fromarray(GREY).convert("RGB").convert("CMYK").save(path)
    return np.stack([GREY] * 3, axis=-1)


def one_bit(path):
    Image.fromarray(GREY).point(lambda level: 255 * (level > 99)).convert("1").save(
        path
    )
    return np.repeat(np.uint8(255) * (GREY > 99)[..., None], 3, axis=-1)


def palette_with_alpha(path):
    image = Image.fromarray(with_alpha(UPRIGHT)).convert("PA")
    image.save(path)
    expected = np.asarray(image.convert("RGB")).copy()
    expected[:, 32:] = 255
    return expected


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
    *((turned(orientation), "tif") for orientation in range(1, 9)),
    *((grey_of("float32", 255), "tif"), (grey_of("int32", 65535), "tif")),
    *((white_is_zero("uint8", 255), "tif"), (white_is_zero("uint16", 65535), "tif")),
    (white_is_zero("float32", 255), "tif"),
    *((cmyk, "tif"), (damaged_exif, "jpg"), (palette_with_alpha, "tif")),
    *((one_bit, "png"), (one_bit, "bmp"), (one_bit, "tif")),
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
        apart = np.abs(image - file[4:60, 4:60].astype(int))  # 7/8, at its own size
        assert not apart[2:-2, 2:-2].any(), name  # of JPEGs, too
        if not name.endswith("jpg"):  # a part of one lacks the colours beside it
            assert not apart.any(), name


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path):
    """Its check sums are right, its pixels end too early."""
    path = tmp_path / "cut.tif"
    Image.fromarray(UPRIGHT).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(Exception, match="cut.tif"):
        list(pipeline((ImageFiles([path]), [0]), 1, training=False, image_size=8))


@pytest.mark.parametrize(
    ("levels", "received"),
    [
        (GREY / np.float32(255), "float32 .* are 0 to 1;"),  # came out black
        (GREY.astype("int32"), "int32 .* are 0 to 255;"),  # came out black
        (GREY.astype("uint16"), "uint16 .* are 0 to 255;"),  # came out black
        (GREY * np.float32(4), "float32 .* are 0 to 1020;"),  # came out white
        (GREY.astype("int32") * 1000, "int32 .* are 0 to 255000;"),
        (GREY - np.float32(128), "float32 .* are -128 to 127;"),
        (np.where(GREY > 9, GREY, np.float32(np.nan)), "are nan to nan;"),
    ],
)
def test_deep_levels_of_unknown_white_are_refused(tmp_path, levels, received):
    path = tmp_path / "deep.tif"
    Image.fromarray(levels).save(path)
    with pytest.raises(ValueError, match=f"deep.tif': grey levels of .*{received}"):
        ImageFiles([path])[0]


def test_black_is_black_in_any_type(tmp_path):
    for dtype in ("float32", "int32", "uint16"):
        path = tmp_path / "black.tif"
        Image.fromarray(np.zeros((4, 4), dtype)).save(path)
        assert not ImageFiles([path])[0].any()
    almost = tmp_path / "almost.png"  # whose format says what white is
    Image.fromarray(np.full((4, 4), 200, "uint16")).save(almost)
    assert not ImageFiles([almost])[0].any()
