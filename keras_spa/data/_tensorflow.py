"""TensorFlow, imported where it is used: keras_spa itself does without."""

import contextlib
from typing import Any

import keras


def import_tensorflow() -> Any:
    """The module; on another backend it may not take the GPU from it."""
    try:
        import tensorflow as tf
    except ImportError:
        raise ImportError(
            "keras_spa.data.pipeline and TensorFlow Datasets need TensorFlow "
            "(pip install tensorflow). Without it, `fit` takes arrays and "
            "keras_spa.data.Batches"
        ) from None
    if keras.backend.backend() != "tensorflow":
        with contextlib.suppress(RuntimeError):  # TensorFlow is in use already
            tf.config.set_visible_devices([], "GPU")
    return tf
