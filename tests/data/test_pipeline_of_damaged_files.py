"""What one decoder takes and another does not: read, named or skipped by both."""

import io
import os
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_spa.data import ImageFiles, Views, load, pipeline
from keras_spa.data.augment import RandomCropFlip

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")


def encoded(image=NOISE, kind="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **options)
    return file.getvalue()


def with_preview(jpeg):
    """A small JPEG image within the EXIF data, as cameras write it."""
    preview = b"Exif\0\0II*\0\x08\0\0\0" + bytes(6) + encoded(NOISE[:8, :8])
    segment = b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview
    return jpeg[:2] + segment + jpeg[2:]


def cut(contents, share=0.6):
    return contents[: int(share * len(contents))]


def broken_table(jpeg):
    """Its second scan begins with a Huffman table that is none."""
    at = jpeg.index(b"\xff\xc4", jpeg.index(b"\xff\xda"))
    return jpeg[: at + 5] + b"\xff" * 16 + jpeg[at + 21 :]


JPEG = encoded(quality=95)
GOOD = {
    "plain.jpg": JPEG,
    "tiff.jpg": encoded(kind="TIFF"),
    "ico.png": encoded(kind="ICO"),
    "bits.bmp": encoded((NOISE[..., 0] > 99), "BMP"),
    "preview.jpg": with_preview(JPEG),
    "zeros_behind.jpg": JPEG + bytes(70_000),
    "text_behind.jpg": JPEG + b"<html>" * 20_000,
}
DAMAGED = {
    "cut.bmp": cut(encoded(kind="BMP")),
    "cut.gif": cut(encoded(kind="GIF")),
    "cut.tif": cut(encoded(kind="TIFF"), 0.9),
    "cut.jpg": cut(JPEG),
    "cut_preview.jpg": cut(with_preview(JPEG), 0.9),
    "table.jpg": broken_table(encoded(progressive=True)),
    "check_sum.png": encoded(kind="PNG")[:-16] + bytes(4) + encoded(kind="PNG")[-12:],
    "without_end.jpg": JPEG[:-2],
    "long.png": encoded(np.zeros((40_000, 1), "uint8"), "PNG"),
    "long.jpg": encoded(np.zeros((1, 40_000), "uint8")),
    "empty.jpg": b"",
    "text.png": b"404 not found",
}


def written(folder, *groups):
    for contents in groups:
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    return ImageFiles([folder / name for contents in groups for name in contents])


def test_files_that_pillow_reads_are_read(tmp_path):
    files = written(tmp_path, GOOD)
    assert files.check(verbose=False).all()
    data = files, np.arange(len(files))
    ((images, labels),) = pipeline(data, 99, training=False, image_size=56)
    np.testing.assert_array_equal(labels, data[1])
    for image, file, name in zip(images.numpy(), files, GOOD, strict=True):
        apart = np.abs(image - file[4:60, 4:60].astype(int))
        assert not apart[2:-2, 2:-2].any(), name


def test_all_others_are_skipped_by_the_pipeline_as_by_the_check(tmp_path):
    files = written(tmp_path, GOOD, DAMAGED)
    expected = [*[True] * len(GOOD), *[False] * len(DAMAGED)]
    assert files.check("skip", verbose=False).tolist() == expected
    data = files, np.arange(len(files))
    for training in (False, True):
        batches = pipeline(data, 4, training=training, image_size=8, on_error="skip")
        with pytest.warns(UserWarning, match="is missing|is damaged") as told:
            labels = np.concatenate([labels for _, labels in batches])
        assert sorted(labels.tolist()) == list(range(len(GOOD)))
        messages = [str(one.message) for one in told if "damaged" in str(one.message)]
        assert len(messages) == len(DAMAGED)
        assert all(any(name in text for text in messages) for name in DAMAGED)


@pytest.mark.parametrize("name", DAMAGED)
def test_all_others_are_named(tmp_path, name):
    files = written(tmp_path, {name: DAMAGED[name]})
    with pytest.raises(ValueError, match=f"Cannot read the image .*{name}"):
        files.check(verbose=False)
    with pytest.raises(ValueError, match=f"Cannot read the image .*{name}"):
        files[0]
    with pytest.raises(tf.errors.OpError, match=f"{name} is damaged"):
        list(pipeline((files, [0]), 1, training=False, image_size=8))


def test_what_is_gone_or_no_file_is_skipped(tmp_path):
    files = written(tmp_path, {"a.png": encoded(kind="PNG")})
    (tmp_path / "d.jpg").mkdir()
    files = ImageFiles([*files.paths, tmp_path / "d.jpg", tmp_path / "gone.jpg"])
    batches = pipeline((files, [0, 1, 2]), 3, training=False, on_error="skip")
    with pytest.warns(UserWarning, match="is missing|is damaged"):
        assert [labels.numpy().tolist() for _, labels in batches] == [[0]]


def test_what_tensorflow_alone_fails_at_is_pillows(tmp_path, monkeypatch):
    """Whatever the reason: here it sees the first bytes of an image alone."""
    real = tf.io.decode_and_crop_jpeg

    def failing(contents, box, **options):
        return real(tf.strings.substr(contents, 0, 40), box, **options)

    monkeypatch.setattr(tf.io, "decode_and_crop_jpeg", failing)
    files = written(tmp_path, {"a.jpg": JPEG})
    ((images, _),) = pipeline((files, [0]), 1, training=False, image_size=56)
    np.testing.assert_array_equal(images[0], files[0][4:60, 4:60])


def test_views_of_an_image_are_skipped_together(tmp_path):
    """A part of a cut image may be whole; its label must not go to another's view."""
    levels = {f"{i}.png": encoded(np.full_like(NOISE, 20 * i), "PNG") for i in range(8)}
    levels["3.png"] = cut(levels["3.png"])
    files, views = written(tmp_path, levels), Views([RandomCropFlip(0)] * 2)
    batches = pipeline(
        (files, np.arange(8)), 8, image_size=8, augment=views, on_error="skip"
    )
    with pytest.warns(UserWarning, match="3.png"):
        ((both, labels),) = batches
    assert sorted(labels.numpy().tolist()) == [0, 1, 2, 4, 5, 6, 7]
    for view in both:
        np.testing.assert_array_equal(view[:, 0, 0, 0], 20 * labels.numpy())


def test_an_endless_pipeline_of_damaged_files_alone_ends(tmp_path):
    files = written(tmp_path, {"a.jpg": b"", "b.jpg": b""})
    batches = pipeline((files, [0, 1]), 2, on_error="skip", repeat=True)
    with (
        pytest.warns(UserWarning, match="1 such files so far"),
        pytest.raises(tf.errors.OpError, match="Nothing is left: so are all 2 files"),
    ):
        next(iter(batches))


def test_file_names_need_not_be_utf8(tmp_path):
    folder = os.fsencode(tmp_path / "train")
    for name, level in ((b"caf\xe9", 40), (b"the", 80)):
        os.makedirs(folder + b"/" + name)
        with open(folder + b"/" + name + b"/\xe9t\xe9.png", "wb") as file:
            file.write(encoded(np.full_like(NOISE, level), "PNG"))
    data = load(f"folder:{tmp_path}", verify=True)
    assert data.class_names == ("caf\\xe9", "the")
    ((images, labels),) = pipeline(data.train, 2, training=False, image_size=8)
    assert images.numpy()[:, 0, 0, 0].tolist() == [40, 80]
    paths = [os.fsencode(path) for path in data.train.images.paths.tolist()]
    assert ImageFiles(paths)[0].mean() == 40  # names as bytes
    with open(paths[0], "wb"):
        pass
    with (
        pytest.warns(UserWarning, match=r"Left out 1 of 2 .*caf\\xe9"),
        pytest.raises(ValueError, match="none for 1 of 2 classes"),
    ):
        load(f"folder:{tmp_path}", on_error="skip")
    with pytest.warns(UserWarning, match=r"caf\\xe9.* Skipped"):
        list(pipeline(data.train, 2, training=False, on_error="skip"))
