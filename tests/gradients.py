"""Gradients by whichever backend runs, and by finite differences."""

import keras
import numpy as np


def gradient(function, *arrays):
    """Gradients of a scalar function of tensors by each of its `arrays`.

    NumPy arrays: one for one argument, a list for several; 0 where nothing flows.
    """
    arrays = [np.asarray(array, "float32") for array in arrays]
    gradients = _GRADIENTS[keras.backend.backend()](function, arrays)
    gradients = [keras.ops.convert_to_numpy(g) for g in gradients]
    return gradients if len(gradients) > 1 else gradients[0]


def numeric_gradient(function, array, step=1e-6):
    """Central differences of a scalar function of a NumPy array, in float64."""
    array = np.array(array, "float64")
    result = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[index] += step
        down[index] -= step
        result[index] = (function(up) - function(down)) / (2 * step)
    return result


def _tensorflow(function, arrays):
    import tensorflow as tf

    tensors = [tf.constant(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return tape.gradient(value, tensors, unconnected_gradients="zero")


def _jax(function, arrays):
    import jax

    return jax.grad(function, argnums=tuple(range(len(arrays))))(*arrays)


def _torch(function, arrays):
    import torch

    tensors = [keras.ops.convert_to_tensor(a).requires_grad_() for a in arrays]
    value = function(*tensors)
    if not value.requires_grad:
        return [torch.zeros_like(tensor) for tensor in tensors]
    return torch.autograd.grad(
        value, tensors, allow_unused=True, materialize_grads=True
    )


_GRADIENTS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
