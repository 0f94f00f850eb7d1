"""The only place that knows how devices share a batch.

Under `tf.distribute` each replica sees its part of the global batch: here are the
global sums and means that make the parts one. Under `keras.distribution` on JAX a batch
is one global array, and the sums need nothing. On one device all of it does nothing.
"""

import sys
from collections.abc import Sequence
from typing import Any

import keras

from keras_spa._types import Shape, Tensor


def _replica_context() -> Any:
    """TensorFlow's replica context if there are several replicas, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    context = sys.modules["tensorflow"].distribute.get_replica_context()
    return context if context and context.num_replicas_in_sync > 1 else None


def num_replicas() -> int:
    """How many replicas share one global batch."""
    context = _replica_context()
    return context.num_replicas_in_sync if context else 1


def global_sum(tensors: Any) -> Any:
    """Sum of each tensor over all replicas, differentiable; the same on each."""
    context = _replica_context()
    if context is None:
        return tensors
    tf = sys.modules["tensorflow"]
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)


def global_batch(tensor: Tensor) -> Tensor:
    """The replicas' parts of a batch (B, …), one after the other; differentiable.

    What each replica computes of it is the same on all: as a term of the loss it is to
    be divided by their number.
    """
    context = _replica_context()
    if context is None:
        return tensor
    batch = context.all_gather(tensor, axis=0)
    batch.set_shape((None, *tensor.shape[1:]))  # of which TensorFlow lost count
    return batch


class DataParallel(keras.distribution.DataParallel):
    """`keras.distribution.DataParallel` for batches of any size, on JAX.

    Keras' own refuses a batch that the devices cannot share evenly, such as the last
    one of an epoch. This one hands every device the whole batch; `SpAModel`'s steps
    split it among them, evenly or not. Each host of several has to load all of it.

    Args:
        devices: Names as in `keras.distribution.list_devices`; default: all.

    Example:

    >>> import keras
    >>> from keras_spa import distribute
    >>> if keras.backend.backend() == "jax":
    ...     keras.distribution.set_distribution(distribute.DataParallel())
    >>> keras.distribution.set_distribution(None)  # back to one device

    Reference: ours.
    """

    def __init__(self, devices: Sequence[str] | None = None) -> None:
        super().__init__(devices=devices, auto_shard_dataset=False)

    def get_data_layout(self, data_shape: Shape) -> Any:
        whole = [None] * len(data_shape)
        return keras.distribution.TensorLayout(whole, self.device_mesh)

    def split(self, tensor: Tensor) -> Tensor:
        """Lets each device compute with its part of a batch, in a compiled step."""
        if not isinstance(tensor, sys.modules["jax"].core.Tracer):
            return tensor  # step by step only even parts are possible
        layout = super().get_data_layout(tensor.shape)
        return keras.distribution.distribute_tensor(tensor, layout)


def split(data: Any) -> Any:
    """A batch, split among the devices if they were handed the whole."""
    distribution = keras.distribution.distribution()
    if not isinstance(distribution, DataParallel):
        return data
    return keras.tree.map_structure(
        lambda tensor: None if tensor is None else distribution.split(tensor), data
    )
