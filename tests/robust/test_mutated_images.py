"""500 image files with bytes flipped, cut, renamed, of other modes: none ends an epoch.

Both decoders judge each alike, and see the same pixels in those that they read.
"""

import io
import warnings

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_spa.data import ImageFiles, load, pipeline

SIDE, NUMBER = 48, 500
SEED = np.random.SeedSequence().generate_state(1)[0]
# Formats, modes, and options of Pillow's encoder.
KINDS = [
    *(("JPEG", mode, {"quality": 90}) for mode in ("RGB", "L", "CMYK")),
    ("JPEG", "RGB", {"progressive": True, "quality": 95}),
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB")),
    *(("GIF", mode, {}) for mode in ("L", "P")),
    *(("TIFF", mode, {}) for mode in ("1", "L", "P", "RGB", "CMYK", "I;16", "I", "F")),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    *(("WEBP", mode, {"lossless": True}) for mode in ("RGB", "RGBA")),
    ("ICO", "RGBA", {}),
]
ENDINGS = ("jpg", "png", "bmp", "gif", "tif", "webp", "JPEG")


def original(random, kind, mode, options):
    """A picture in a format and mode, as bytes."""
    small = random.integers(0, 256, (6, 6, 3), dtype="uint8")
    image = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    if mode in ("I;16", "I", "F"):
        white = 255 if mode == "F" else 65535
        levels = np.asarray(image.convert("L")) * (white / 255)
        dtype = {"I;16": "uint16", "I": "int32", "F": "float32"}[mode]
        image = Image.fromarray(levels.astype(dtype))
    else:
        image = image.convert("RGBA" if mode in ("LA", "RGBA") else "RGB").convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutated(random, contents, how):
    data = np.frombuffer(contents, "uint8").copy()
    if how == "flipped":
        places = random.integers(0, len(data), random.integers(1, 9))
        data[places] = random.integers(0, 256, len(places))
    if how == "header":
        places = random.integers(0, min(len(data), 64), 2)
        data[places] ^= np.uint8(1) << random.integers(0, 8, 2).astype("uint8")
    if how == "cut":
        data = data[: random.integers(0, len(data))]
    if how == "longer":
        data = np.concatenate([data, random.integers(0, 256, 5000).astype("uint8")])
    if how == "shuffled":
        start = random.integers(0, len(data))
        random.shuffle(data[start : start + 200])
    return data.tobytes()


def write_folder(folder, number):
    """`number` files in two classes, and how each was made."""
    random = np.random.default_rng(SEED)
    how = ("as it was", "flipped", "flipped", "header", "cut", "longer", "shuffled")
    made = {}
    for i in range(number):
        kind = KINDS[i % len(KINDS)]
        change = how[random.integers(len(how))]
        contents = mutated(random, original(random, *kind), change)
        name = f"{i:03}.{ENDINGS[random.integers(len(ENDINGS))]}"
        path = folder / "train" / "ab"[i % 2] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)
        made[str(path)] = (*kind, change)
    return made


def quietly(function):
    """The result, and the warnings, of which damaged files cause many kinds."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        return function(), [str(one.message) for one in told]


@pytest.mark.parametrize("number", [40, pytest.param(NUMBER, marks=pytest.mark.slow)])
def test_each_is_read_named_or_skipped(tmp_path, number):
    print("seed", SEED)
    made = write_folder(tmp_path, number)
    data, told = quietly(lambda: load(f"folder:{tmp_path}", on_error="skip"))
    whole = set(data.train.images.paths.tolist())
    assert whole | set(data.skipped) == set(made)
    assert not whole & set(data.skipped)
    assert all(path in whole for path, (*_, how) in made.items() if how == "as it was")
    assert any(f"Left out {len(data.skipped)} of {number}" in text for text in told)

    everything = ImageFiles(made)
    rows = np.arange(number)
    for training in (False, True):  # whole images, then parts
        batches = pipeline(
            (everything, rows), 32, training=training, image_size=42, on_error="skip"
        )
        epoch, told = quietly(lambda batches=batches: list(batches.as_numpy_iterator()))
        read = np.concatenate([labels for _, labels in epoch])
        read = set(everything.paths[read].tolist())
        assert whole <= read
        # Of a JPEG image, what lies before the damage may be read.
        assert all(made[path][0] == "JPEG" for path in read - whole)
        told = [text for text in told if text.startswith("Image file ")]
        assert len(told) == number - len(read)
        for path in set(made) - read:
            assert any(f"Image file {path} is damaged: " in text for text in told)

    batches = pipeline((data.train.images, data.train.labels), 32, training=False)
    epoch, _ = quietly(lambda: [len(labels) for _, labels in batches])
    assert sum(epoch) == len(whole)  # with on_error="raise", the default


def test_what_is_read_has_the_same_pixels_and_what_is_not_is_named(tmp_path):
    print("seed", SEED)
    files, kinds = ImageFiles(made := write_folder(tmp_path, 120)), list(made.values())
    whole, _ = quietly(lambda: files.check("skip", verbose=False))
    for row in np.flatnonzero(~whole).tolist():
        name = files.paths[row]
        with pytest.raises(ValueError, match=f"Cannot read the image '{name}': "):
            quietly(lambda row=row: files[row])
    good = np.flatnonzero(whole)
    data = files[good], good
    batches = pipeline(data, 1, training=False, image_size=SIDE * 7 // 8)
    epoch, _ = quietly(lambda: list(batches.as_numpy_iterator()))
    for (image,), (row,) in epoch:
        expected, _ = quietly(lambda row=row: files[row])
        if expected.shape[:2] != (SIDE, SIDE):  # a header changed its size
            continue
        apart = np.abs(image.astype(int) - expected[3:-3, 3:-3])
        edge = 2 if kinds[row][0] == "JPEG" else 0  # colours beside a part
        assert not apart[edge : 42 - edge, edge : 42 - edge].any(), kinds[row]


def test_one_that_cannot_be_read_is_named_by_the_pipeline(tmp_path):
    made = write_folder(tmp_path, 60)
    files = ImageFiles(made)
    whole, _ = quietly(lambda: files.check("skip", verbose=False))
    # Of a JPEG image, what lies before the damage may be read.
    others = np.array([kind != "JPEG" for kind, *_ in made.values()])
    for row in np.flatnonzero(~whole & others)[:5]:
        batches = pipeline((files[row : row + 1], [0]), 1, training=False)
        with pytest.raises(
            tf.errors.OpError, match=f"Image file {files.paths[row]} is"
        ):
            quietly(lambda batches=batches: list(batches))
