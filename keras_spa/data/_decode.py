"""Image files to images of one size, inside tf.data."""

import io
import warnings

import numpy as np

from keras_spa.data._tensorflow import import_tensorflow

AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)  # of a random crop: Szegedy et al. (2015)
CENTRAL = 224 / 256  # share of the shorter side that evaluation keeps
JPEG_END = b"\xff\xd9"


def decoder(paths, size, training, on_error):
    """A function from a data set of rows of `paths` and a seed to (row, image)."""
    tf = import_tensorflow()

    check, paths = _checker(on_error), tf.constant(paths)

    def decode(row, seed):
        path = tf.gather(paths, row)
        contents = tf.io.read_file(path)
        sound = tf.ensure_shape(tf.numpy_function(check, [path, contents], "bool"), ())
        image = tf.cond(
            sound,
            lambda: _decode(contents, seed, size, training),
            lambda: tf.zeros((size, size, 3), "uint8"),
        )
        return sound, (row, image)

    def load(rows, seed):
        examples = rows.enumerate().map(
            lambda i, row: decode(row, tf.stack([seed, tf.cast(i, "int32")])),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        if on_error == "skip":
            examples = examples.filter(lambda sound, _: sound)
        return examples.map(lambda _, example: example)

    return load


def _checker(on_error):
    """A function of path and contents: whether the image is sound."""
    skipped = set()

    def check(path, contents):
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


def damage(contents):
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


def _decode(contents, seed, size, training):
    """uint8 (size, size, 3); of a JPEG, no more is decoded than the crop needs."""
    tf = import_tensorflow()

    def jpeg():
        window = _window(tf.io.extract_jpeg_shape(contents), seed, training)
        crop = tf.io.decode_and_crop_jpeg(contents, window, channels=3)
        return _resize(crop, size)

    def other():
        image = tf.io.decode_image(contents, channels=3, expand_animations=False)
        top, left, height, width = tf.unstack(_window(tf.shape(image), seed, training))
        return _resize(image[top : top + height, left : left + width], size)

    image = tf.cond(tf.io.is_jpeg(contents), jpeg, other)
    if training:
        image = tf.image.stateless_random_flip_left_right(image, seed + 1)
    return image


def _window(shape, seed, training):
    """(top, left, height, width) of the part to keep, int32."""
    tf = import_tensorflow()

    if not training:
        side = tf.cast(tf.reduce_min(shape[:2]), "float32")
        side = tf.maximum(1, tf.cast(tf.round(CENTRAL * side), "int32"))
        return tf.stack(
            [(shape[0] - side) // 2, (shape[1] - side) // 2, side, side],
        )
    start, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        shape,
        bounding_boxes=tf.zeros((1, 0, 4)),
        seed=seed,
        min_object_covered=0.0,
        aspect_ratio_range=RATIO,
        area_range=AREA,
        use_image_if_no_bounding_boxes=True,
    )
    return tf.concat([start[:2], extent[:2]], axis=0)


def _resize(image, size):
    tf = import_tensorflow()

    return tf.cast(tf.round(tf.image.resize(image, (size, size))), "uint8")
