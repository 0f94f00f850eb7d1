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

JPEG_END = b"\xff\xd9"


def decoder(
    paths: Array, size: int, training: bool, on_error: str
) -> Callable[[Any, Tensor], Any]:
    """A function from a data set of rows of `paths` and a seed to (row, image)."""
    tf = import_tensorflow()

    check, paths = _checker(on_error), tf.constant(paths)

    def decode(row: Tensor, seed: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        path = tf.gather(paths, row)
        contents = tf.io.read_file(path)
        sound = tf.ensure_shape(tf.numpy_function(check, [path, contents], "bool"), ())
        image = tf.cond(
            sound,
            lambda: _decode(contents, seed, size, training),
            lambda: tf.zeros((size, size, 3), "uint8"),
        )
        return sound, (row, image)

    def load(rows: Any, seed: Tensor) -> Any:
        examples = rows.enumerate().map(
            lambda i, row: decode(row, tf.stack([seed, tf.cast(i, "int32")])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        if on_error == "skip":
            examples = examples.filter(lambda sound, _: sound)
        return examples.map(lambda _, example: example)

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


def _decode(contents: Tensor, seed: Tensor, size: int, training: bool) -> Tensor:
    """uint8 (size, size, 3); of a JPEG, no more is decoded than the crop needs."""
    tf = import_tensorflow()

    def jpeg() -> Tensor:
        box = _box(tf.io.extract_jpeg_shape(contents), seed, training)
        return tf.io.decode_and_crop_jpeg(contents, box, channels=3)

    def other() -> Tensor:
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
        top, left, height, width = tf.unstack(_box(tf.shape(image), seed, training))
        return image[top : top + height, left : left + width]

    image = tf.cond(tf.io.is_jpeg(contents), jpeg, other)
    # One kernel of TensorFlow's: image by image, `crops` takes four times as long.
    image = tf.cast(tf.round(tf.image.resize(image, (size, size))), "uint8")
    if training:
        mirrored = crops.random_mirror(functions(image), seed, 1)[0, 0] > 0
        image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return image


def _box(shape: Tensor, seed: Tensor, training: bool) -> Tensor:
    """Top, left, height and width of the part to keep, int32 (4,)."""
    tf, xp = import_tensorflow(), functions(shape)
    image = 1, shape[0], shape[1]
    if training:
        box = crops.random_box(xp, seed, *image, crops.SCALE, crops.RATIO)
    else:
        box = crops.middle_box(xp, *image, (crops.KEPT,) * 2, (crops.COVER,) * 2)
    return tf.concat(box, axis=-1)[0]
