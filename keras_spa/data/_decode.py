"""Image files to images of one size, inside tf.data."""

import io
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_spa._types import Array, Tensor
from keras_spa._warn import warn
from keras_spa.data._rgb import is_plain, read, shown
from keras_spa.data._tensorflow import import_tensorflow
from keras_spa.data.augment import crops
from keras_spa.data.augment.base import functions

CHUNK = 32  # files whose parts are drawn together
JPEG_END = b"\xff\xd9"
UNREADABLE, FUSED, OTHER = 0, 1, 2  # what is to be done about a file
NO_SHAPE = np.ones(3, "int32")  # of images that TensorFlow does not decode


def decoder(
    paths: Array, size: int, training: bool, on_error: str
) -> Callable[[Any, Sequence[Tensor]], Any]:
    """A function from a data set of rows of `paths` and seeds to (row, images).

    `images` are a view for each seed, a tuple of them if there are several.

    Pillow opens every file and decodes all that TensorFlow may fail at, does fail at,
    or shows in another way; what Pillow cannot decode, either, is damaged.
    """
    tf = import_tensorflow()
    files = _Files(paths, on_error)
    names = tf.constant([os.fsencode(path) for path in paths])

    def look(row: Tensor, seed: Tensor) -> tuple[Tensor, ...]:
        types = ("string", "int32", "int32")
        contents, kind, shape = tf.numpy_function(
            files.open, [tf.gather(names, row)], types
        )
        contents, kind = tf.ensure_shape(contents, ()), tf.ensure_shape(kind, ())
        return row, seed, contents, kind, tf.ensure_shape(shape, (3,))

    def draw(
        row: Tensor, seed: Tensor, contents: Tensor, kind: Tensor, shape: Tensor
    ) -> tuple[Tensor, ...]:
        return row, seed, contents, kind, _parts(shape, seed, training)

    def decode(
        row: Tensor, seed: Tensor, contents: Tensor, kind: Tensor, part: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        file = tf.gather(names, row), contents, kind
        image, good = _cut_out(files, file, seed, part, training)
        # One kernel of TensorFlow's: image by image, `crops` takes four times as long.
        image = tf.cast(tf.round(tf.image.resize(image, (size, size))), "uint8")
        if training:
            image = tf.cond(part[4] > 0, lambda: tf.reverse(image, [1]), lambda: image)
        return row, image, good

    def view(rows: Any, seed: Tensor) -> Any:
        examples = rows.enumerate().map(
            lambda i, row: look(row, tf.stack([seed, tf.cast(i, "int32")])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        # Image by image, these operations would cost half as much as the decoding.
        chunks = examples.batch(CHUNK).map(draw, num_parallel_calls=tf.data.AUTOTUNE)
        return chunks.unbatch().map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    def load(rows: Any, seeds: Sequence[Tensor]) -> Any:
        views = tf.data.Dataset.zip(tuple(view(rows, seed) for seed in seeds))
        if on_error == "skip":  # all views of an image, or none
            views = views.filter(lambda *all: tf.reduce_all([one[2] for one in all]))
        return views.map(_one_row)

    return load


def _one_row(*views: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Any]:
    rows, images, _ = zip(*views, strict=True)
    return rows[0], images if len(images) > 1 else images[0]


class _Files:
    """What Python does with image files, and which of them it had to skip."""

    def __init__(self, paths: Array, on_error: str) -> None:
        self.number, self.on_error = len({*paths.tolist()}), on_error
        self.skipped: set[bytes] = set()

    def open(self, path: bytes) -> tuple[bytes, np.int32, Array]:
        """Contents of a file, what is to be done about it, and shape of a `FUSED`."""
        try:
            with import_tensorflow().io.gfile.GFile(path, "rb") as file:
                contents = file.read()
            kind, shape = look(contents)
        except Exception as error:  # of the disk, or of Pillow: of many types
            self._report(path, error)
            return b"", np.int32(UNREADABLE), NO_SHAPE
        return contents, np.int32(kind), shape

    def decode(
        self, path: bytes, contents: bytes, kind: np.int32
    ) -> tuple[Array, np.bool_]:
        """Pillow's image, and whether there is one."""
        try:
            if kind != UNREADABLE:
                return read(os.fsdecode(path), contents), np.True_
        except ValueError as error:
            self._report(path, error.__cause__)
        return np.zeros((1, 1, 3), "uint8"), np.False_

    def _report(self, path: bytes, error: BaseException | None) -> None:
        gone = isinstance(error, import_tensorflow().errors.NotFoundError)
        what = "missing" if gone else "damaged"
        message = f"Image file {shown(path)} is {what}: {error}"
        if self.on_error == "raise":
            raise ValueError(message) from error
        if path in self.skipped:
            return
        self.skipped.add(path)
        count = len(self.skipped)
        if count == self.number:  # else an endless data set would never end
            raise ValueError(f"{message}. Nothing is left: so are all {count} files")
        warn(f"{message}. Skipped; {count} such files so far")


def look(contents: bytes) -> tuple[int, Array]:
    """Whether TensorFlow may decode the bytes of a file, and the shape if so.

    It may if they are a JPEG image, whatever the file's name, of plain colours and
    with an end of its own: not that of a preview before it.

    Raises:
        Exception: of one of many types; they are no image.
    """
    import PIL.Image

    file = io.BytesIO(contents)
    with PIL.Image.open(file) as image:
        if image.format != "JPEG":
            return OTHER, NO_SHAPE
        whole = contents.rfind(JPEG_END, file.tell()) >= 0  # behind the header
        if not (whole and is_plain(image)):
            return OTHER, NO_SHAPE
        return FUSED, np.array([image.height, image.width, 3], "int32")


def _cut_out(
    files: _Files,
    file: tuple[Tensor, Tensor, Tensor],
    seed: Tensor,
    part: Tensor,
    training: bool,
) -> tuple[Tensor, Tensor]:
    """A part of an image, uint8 (h, w, 3), and whether there is one.

    Of a plain JPEG no more is decoded than the part needs. An error of TensorFlow's
    decoder cannot be caught in a graph; but a data set can leave out what raises it.
    """
    tf = import_tensorflow()
    path, contents, kind = file

    def jpeg(contents: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        options = {"channels": 3, "dct_method": "INTEGER_ACCURATE"}  # as Pillow's
        return tf.io.decode_and_crop_jpeg(contents, box, **options), tf.constant(True)

    def other(
        path: Tensor, contents: Tensor, kind: Tensor, seed: Tensor
    ) -> tuple[Tensor, Tensor]:
        image, good = tf.numpy_function(
            files.decode, [path, contents, kind], ["uint8", "bool"]
        )
        image = tf.ensure_shape(image, (None, None, 3))
        part = _parts(tf.shape(image)[None], seed[None], training)[0]
        top, left, height, width = tf.unstack(part[:4])
        image = image[top : top + height, left : left + width]
        return image, tf.ensure_shape(good, ())

    fast = tf.data.Dataset.from_tensors((contents, part[:4])).map(jpeg)
    fast = fast.take(tf.cast(kind == FUSED, "int64")).ignore_errors()
    slow = tf.data.Dataset.from_tensors((path, contents, kind, seed)).map(other)
    return fast.concatenate(slow).take(1).get_single_element()


def _parts(shapes: Tensor, seeds: Tensor, training: bool) -> Tensor:
    """Top, left, height, width of each image's part; whether it is mirrored: (B, 5)."""
    tf, xp = import_tensorflow(), functions(shapes)
    images = tf.shape(shapes)[0], shapes[:, :1], shapes[:, 1:2]
    if training:
        box = crops.random_box(xp, seeds, *images, crops.SCALE, crops.RATIO)
        mirrored = crops.random_mirror(xp, seeds, images[0])
    else:
        box = crops.middle_box(xp, *images, (crops.KEPT,) * 2, (crops.COVER,) * 2)
        mirrored = tf.zeros((images[0], 1), "int32")
    return tf.concat([*box, mirrored], axis=-1)
