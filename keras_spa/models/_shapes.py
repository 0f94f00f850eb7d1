"""The shapes that the parts of a `SpAModel` must have."""

from typing import Any

import keras
import numpy as np

from keras_spa._types import Array, Shape
from keras_spa.models._surgery.linear_map import kernel_shape


def check_layer(name: str, layer: Any) -> keras.Layer:
    """`layer`, if it is one."""
    if not isinstance(layer, keras.Layer):
        raise ValueError(
            f"Argument `{name}` must be a keras.Layer or keras.Model. "
            f"Received: {name}={layer!r}"
        )
    return layer


def check_layer_if_any(name: str, layer: Any) -> keras.Layer | None:
    return None if layer is None else check_layer(name, layer)


def image_shape(shape: Any) -> Shape:
    """`(height, width, channels)`, of which the first two may be None: any."""
    sizes = shape if isinstance(shape, (tuple, list)) else ()
    known = len(sizes) == 3 and sizes[2] is not None
    if not (known and all(size is None or _is_size(size) for size in sizes)):
        raise ValueError(
            "Argument `input_shape` must be (height, width, channels), positive "
            f"integers. Received: input_shape={shape!r}"
        )
    return tuple(sizes)


def _is_size(value: Any) -> bool:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and value > 0


def features_shape(backbone: keras.Layer, input_shape: Any) -> Shape:
    """(B, d), what the backbone gives, if it does."""
    shape = backbone.compute_output_shape(input_shape)
    is_shape = isinstance(shape, (tuple, list)) and all(
        size is None or isinstance(size, int) for size in shape
    )
    if not is_shape or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            "Argument `backbone` must give features of shape (B, d) with a known "
            "d; add e.g. keras.layers.GlobalAveragePooling2D() or Flatten(). "
            f"Received: backbone with output shape {shape}"
        )
    return tuple(shape)


def build_classifier(classifier: keras.Layer, shape: Shape) -> None:
    """Builds it for features (B, d), if it is a layer of features."""
    try:
        classifier.build(shape)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "Argument `classifier` must be a layer that takes features of shape "
            f"{shape}. Received: {type(classifier).__name__}: {error}"
        ) from error


def class_count(
    head: keras.Layer,
    dimension: int,
    name: str = "classifier",
    classes: int | None = None,
) -> int:
    """K, if the head has a kernel (d, K), with K `classes` if that is known."""
    shape = kernel_shape(head)
    fits = len(shape) == 2 and shape[0] == dimension and shape[1] >= 2
    if not fits or classes not in (None, shape[1]):
        columns = f"{classes})" if classes else "K), K at least 2"
        raise ValueError(
            f"Argument `{name}` must be a layer with a `kernel` variable of "
            f"shape ({dimension}, {columns}, such as "
            f"keras.layers.Dense({classes or 'K'}). Received: {type(head).__name__} "
            f"with kernel shape {shape or None}"
        )
    return shape[1]


def batch_shape(array: Array) -> Shape:
    """The shape of the array with any number of rows."""
    return any_batch(np.shape(array))


def any_batch(shape: Shape) -> Shape:
    """The shape with any number of rows."""
    return (None, *shape[1:])
