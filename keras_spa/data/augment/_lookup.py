"""Operations for which TensorFlow has much faster functions than Keras."""

from collections.abc import Callable
from typing import Any

from keras_spa._keras_private import is_compiled_by_xla
from keras_spa._types import Backend, Tensor


def take(xp: Backend, table: Tensor, index: Tensor) -> Tensor:
    """Rows `index`, all within bounds, of `table`."""
    if xp.name == "tensorflow":
        import tensorflow as tf

        if len(table.shape) == 1:  # the same, a third faster
            return tf.gather_nd(table, index[..., None])
        return tf.gather(table, index)
    return xp.numpy.take(table, index, axis=0)


def count(xp: Backend, values: Tensor, length: Any) -> Tensor:
    """How often each of 0..length−1 occurs in `values` (N,): int32 (length,)."""
    if xp.name == "tensorflow":
        import tensorflow as tf

        # `tf.math.bincount` looks for the largest value first, for a size that XLA
        # cannot know, and refuses to count nothing.
        weights = tf.zeros((0,), "int32")
        return tf.raw_ops.DenseBincount(input=values, size=length, weights=weights)
    ones = xp.numpy.ones_like(values)
    return xp.math.segment_sum(ones, values, num_segments=length)


def where(
    xp: Backend, chosen: Tensor, function: Callable[..., Tensor], *arrays: Tensor
) -> Tensor:
    """`function(*arrays)` for the images that are `chosen`, the first array for others.

    TensorFlow computes it for the chosen images alone, unless XLA, which needs to know
    all shapes, compiles it.

    Args:
        chosen: bool (B,).
        function: from arrays of any number of images, each for itself, to the shape
            and dtype of the first.
        arrays: (B, ...).
    """
    if xp.name == "tensorflow" and not is_compiled_by_xla():
        import tensorflow as tf

        index = tf.where(chosen)
        made = function(*(tf.gather(array, index[:, 0]) for array in arrays))
        return tf.tensor_scatter_nd_update(arrays[0], index, made)
    made = function(*arrays)
    shape = (-1,) + (1,) * (len(made.shape) - 1)
    return xp.numpy.where(xp.numpy.reshape(chosen, shape), made, arrays[0])
