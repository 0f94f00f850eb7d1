"""Functions as the backend that runs compiles them."""

import keras
import pytest


def compiled(function):
    """By XLA, on TensorFlow and JAX."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    return pytest.skip("PyTorch runs eagerly here")
