"""Classifiers that compute something else than `x @ kernel + bias`, and their data."""

import keras
import numpy as np
from keras import ops

COUNTS = [40, 12, 12]
Y = np.repeat([0, 1, 2], COUNTS)
X = np.random.RandomState(0).randn(64, 8) + 2 * np.eye(3, 8)[Y]
X = X.astype("float32")
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@keras.saving.register_keras_serializable(package="tests")
class CosineHead(keras.layers.Dense):
    def call(self, h):
        kernel = ops.normalize(self.kernel, axis=0)
        return 16 * ops.matmul(ops.normalize(h, axis=-1), kernel)


@keras.saving.register_keras_serializable(package="tests")
class ScaledHead(keras.layers.Dense):
    """A scale of the whole."""

    def __init__(self, units, factor=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.factor = factor

    def call(self, h):
        return self.factor * super().call(h)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@keras.saving.register_keras_serializable(package="tests")
class OtherBias(keras.layers.Layer):
    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 3), name="kernel")
        self.offset = self.add_weight((3,), "zeros", name="offset")

    def call(self, h):
        return ops.matmul(h, self.kernel) + self.offset


@keras.saving.register_keras_serializable(package="tests")
class Gated(keras.layers.Dense):
    """A factor for each feature before the kernel."""

    def build(self, input_shape):
        super().build(input_shape)
        self.gate = self.add_weight((input_shape[-1],), "ones", name="gate")
        self.built = True

    def call(self, h):
        return super().call(self.gate * h)


@keras.saving.register_keras_serializable(package="tests")
class Squashed(keras.layers.Dense):
    def call(self, h):
        return ops.tanh(super().call(h))


@keras.saving.register_keras_serializable(package="tests")
class Probabilities(keras.layers.Dense):
    def call(self, h):
        return ops.softmax(super().call(h))


def backbone():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(6, "relu")])


def model(head, scale=1.0):
    """The features that matter lead to a classifier of 0.9 and more."""
    layers = [keras.Input((8,)), keras.layers.Dense(6, "relu"), head]
    made = keras.Sequential(layers)
    random = np.random.RandomState(3)
    eye = np.eye(8, 6) + 0.1 * random.randn(8, 6)
    made.layers[0].set_weights([eye, np.zeros(6)])
    kernel = np.eye(6, 3) + 0.2 * random.randn(6, 3)
    head.kernel.assign(scale * kernel)
    return made
