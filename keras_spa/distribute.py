"""The only place that knows `tf.distribute`: global sums and the scale of the loss.

Everything here does nothing unless TensorFlow runs more than one replica. Under
`keras.distribution` on JAX a batch is one global array, so nothing is needed there.
"""

import sys

import keras


def _replica_context():
    """TensorFlow's replica context if there are several replicas, else None."""
    if keras.backend.backend() != "tensorflow":
        return None
    context = sys.modules["tensorflow"].distribute.get_replica_context()
    return context if context and context.num_replicas_in_sync > 1 else None


def num_replicas():
    """How many replicas share one global batch."""
    context = _replica_context()
    return context.num_replicas_in_sync if context else 1


def global_sum(tensors):
    """Sum of each tensor over all replicas, differentiable; the same on each."""
    context = _replica_context()
    if context is None:
        return tensors
    tf = sys.modules["tensorflow"]
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tensors)
