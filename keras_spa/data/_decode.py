"""Image files to images of one size, inside tf.data."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_spa._types import Array, Tensor
from keras_spa.data._rgb import is_plain, read
from keras_spa.data._tensorflow import import_tensorflow
from keras_spa.data.augment import crops
from keras_spa.data.augment.base import functions

CHUNK = 32  # files whose parts are drawn together
JPEG_END = b"\xff\xd9"
DAMAGED, FUSED, OTHER = 0, 1, 2  # what is to be done about a file


def decoder(
    paths: Array, size: int, training: bool, on_error: str
) -> Callable[[Any, Tensor], Any]:
    """A function from a data set of rows of `paths` and a seed to (row, image)."""
    tf = import_tensorflow()

    check, paths = _checker(on_error), tf.constant(paths)

    def read(row: Tensor, seed: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        path = tf.gather(paths, row)
        contents = tf.io.read_file(path)
        kind = tf.ensure_shape(tf.numpy_function(check, [path, contents], "int32"), ())
        shape = tf.cond(
            kind == FUSED,
            lambda: tf.io.extract_jpeg_shape(contents),
            lambda: tf.ones(3, "int32"),  # `_decode` asks the image itself
        )
        return kind, (row, seed, contents, kind, shape)

    def draw(
        row: Tensor, seed: Tensor, contents: Tensor, kind: Tensor, shape: Tensor
    ) -> tuple[Tensor, ...]:
        return row, seed, contents, kind, _parts(shape, seed, training)

    def decode(
        row: Tensor, seed: Tensor, contents: Tensor, kind: Tensor, part: Tensor
    ) -> tuple[Tensor, Tensor]:
        file = tf.gather(paths, row), contents
        return row, _decode(file, kind == FUSED, seed, part, size, training)

    def load(rows: Any, seed: Tensor) -> Any:
        examples = rows.enumerate().map(
            lambda i, row: read(row, tf.stack([seed, tf.cast(i, "int32")])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        if on_error == "skip":
            examples = examples.filter(lambda kind, _: kind != DAMAGED)
        examples = examples.map(lambda _, example: example)
        # Image by image, these operations would cost half as much as the decoding.
        chunks = examples.batch(CHUNK).map(draw, num_parallel_calls=tf.data.AUTOTUNE)
        return chunks.unbatch().map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    return load


def _checker(on_error: str) -> Callable[[bytes, bytes], np.int32]:
    """A function of path and contents: what is to be done about the file."""
    skipped = set()

    def check(path: bytes, contents: bytes) -> np.int32:
        kind, reason = look(contents)
        if kind != DAMAGED:
            return np.int32(kind)
        message = f"Image file {path.decode()} is damaged: {reason}"
        if on_error == "raise":
            raise ValueError(message)
        if path not in skipped:
            skipped.add(path)
            warnings.warn(
                f"{message}. Skipped; {len(skipped)} such files so far", stacklevel=2
            )
        return np.int32(DAMAGED)

    return check


def look(contents: bytes) -> tuple[int, str]:
    """What is to be done about the bytes of a file, and what is wrong with them."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(contents)) as image:
            if image.format == "JPEG":  # its end is enough: others have check sums
                if JPEG_END not in contents[-65536:]:
                    return DAMAGED, "its end is missing"
                return (FUSED if is_plain(image) else OTHER), ""
            image.verify()
    except Exception as error:  # Pillow raises errors of many types
        return DAMAGED, str(error)
    return OTHER, ""


def _other(path: bytes, contents: bytes) -> Array:
    return read(path.decode(), contents)


def _decode(
    file: tuple[Tensor, Tensor],
    fused: Tensor,
    seed: Tensor,
    part: Tensor,
    size: int,
    training: bool,
) -> Tensor:
    """uint8 (size, size, 3); of a plain JPEG no more is decoded than the crop needs."""
    tf = import_tensorflow()
    path, contents = file

    def jpeg() -> Tensor:
        return tf.io.decode_and_crop_jpeg(contents, part[:4], channels=3)

    # A call, not inlined: else TensorFlow visits its operations for JPEGs, too.
    @tf.function(experimental_attributes={"_noinline": True}, autograph=False)
    def cut(image: Tensor, seed: Tensor) -> Tensor:
        part = _parts(tf.shape(image)[None], seed[None], training)[0]
        top, left, height, width = tf.unstack(part[:4])
        return image[top : top + height, left : left + width]

    def other() -> Tensor:
        image = tf.numpy_function(_other, [path, contents], "uint8")
        return cut(tf.ensure_shape(image, (None, None, 3)), seed)

    image = tf.cond(fused, jpeg, other)
    # One kernel of TensorFlow's: image by image, `crops` takes four times as long.
    image = tf.cast(tf.round(tf.image.resize(image, (size, size))), "uint8")
    if training:
        image = tf.cond(part[4] > 0, lambda: tf.reverse(image, [1]), lambda: image)
    return image


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
