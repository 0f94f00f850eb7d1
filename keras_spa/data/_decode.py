"""Image files to images of one size, inside tf.data."""

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_spa._types import Array, Tensor
from keras_spa.data._tensorflow import import_tensorflow
from keras_spa.data.augment import crops
from keras_spa.data.augment.base import functions

CHUNK = 32  # files whose parts are drawn together
JPEG_END = b"\xff\xd9"


def decoder(
    paths: Array, size: int, training: bool, on_error: str
) -> Callable[[Any, Tensor], Any]:
    """A function from a data set of rows of `paths` and a seed to (row, image)."""
    tf = import_tensorflow()

    check, paths = _checker(on_error), tf.constant(paths)

    def read(row: Tensor, seed: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        path = tf.gather(paths, row)
        contents = tf.io.read_file(path)
        sound = tf.ensure_shape(tf.numpy_function(check, [path, contents], "bool"), ())
        shape = tf.cond(
            sound & tf.io.is_jpeg(contents),
            lambda: tf.io.extract_jpeg_shape(contents),
            lambda: tf.ones(3, "int32"),  # `_decode` asks the image itself
        )
        return sound, (row, seed, contents, shape)

    def draw(
        row: Tensor, seed: Tensor, contents: Tensor, shape: Tensor
    ) -> tuple[Tensor, ...]:
        return row, seed, contents, _parts(shape, seed, training)

    def decode(
        row: Tensor, seed: Tensor, contents: Tensor, part: Tensor
    ) -> tuple[Tensor, Tensor]:
        return row, _decode(contents, seed, part, size, training)

    def load(rows: Any, seed: Tensor) -> Any:
        examples = rows.enumerate().map(
            lambda i, row: read(row, tf.stack([seed, tf.cast(i, "int32")])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        if on_error == "skip":
            examples = examples.filter(lambda sound, _: sound)
        examples = examples.map(lambda _, example: example)
        # Image by image, these operations would cost half as much as the decoding.
        chunks = examples.batch(CHUNK).map(draw, num_parallel_calls=tf.data.AUTOTUNE)
        return chunks.unbatch().map(decode, num_parallel_calls=tf.data.AUTOTUNE)

    return load


def _checker(on_error: str) -> Callable[[bytes, bytes], np.bool_]:
    """A function of path and contents: whether the image is sound."""
    skipped = set()

    def check(path: bytes, contents: bytes) -> np.bool_:
        reason = damage(contents)
        if not reason:
            return np.bool_(True)
        message = f"Image file {path.decode()} is damaged: {reason}"
        if on_error == "raise":
            raise ValueError(message)
        if path not in skipped:
            skipped.add(path)
            warnings.warn(
                f"{message}. Skipped; {len(skipped)} such files so far", stacklevel=2
            )
        return np.bool_(False)

    return check


def damage(contents: bytes) -> str:
    """What is wrong with the bytes of an image file; empty if nothing shows."""
    import PIL.Image

    try:
        with PIL.Image.open(io.BytesIO(contents)) as image:
            if image.format == "JPEG":  # its end is enough: others have check sums
                return "" if JPEG_END in contents[-65536:] else "its end is missing"
            image.verify()
    except Exception as error:  # Pillow raises errors of many types
        return str(error)
    return ""


def _decode(
    contents: Tensor, seed: Tensor, part: Tensor, size: int, training: bool
) -> Tensor:
    """uint8 (size, size, 3); of a JPEG, no more is decoded than the crop needs."""
    tf = import_tensorflow()

    def jpeg() -> Tensor:
        return tf.io.decode_and_crop_jpeg(contents, part[:4], channels=3)

    # A call, not inlined: else TensorFlow visits its operations for JPEGs, too.
    @tf.function(experimental_attributes={"_noinline": True}, autograph=False)
    def cut(image: Tensor, seed: Tensor) -> Tensor:
        part = _parts(tf.shape(image)[None], seed[None], training)[0]
        top, left, height, width = tf.unstack(part[:4])
        return image[top : top + height, left : left + width]

    def other() -> Tensor:
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
        return cut(image, seed)

    image = tf.cond(tf.io.is_jpeg(contents), jpeg, other)
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
