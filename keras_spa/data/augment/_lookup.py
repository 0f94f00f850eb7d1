"""Two operations for which TensorFlow has much faster functions than Keras."""

from typing import Any

from keras_spa._types import Backend, Tensor


def take(xp: Backend, table: Tensor, index: Tensor) -> Tensor:
    """Rows `index`, all within bounds, of `table`."""
    if xp.name == "tensorflow":
        import tensorflow as tf

        return tf.gather(table, index)
    return xp.numpy.take(table, index, axis=0)


def count(xp: Backend, values: Tensor, length: Any) -> Tensor:
    """How often each of 0..length−1 occurs in `values` (N,): int32 (length,)."""
    if xp.name == "tensorflow":
        import tensorflow as tf

        return tf.math.bincount(values, minlength=length, maxlength=length)
    ones = xp.numpy.ones_like(values)
    return xp.math.segment_sum(ones, values, num_segments=length)
