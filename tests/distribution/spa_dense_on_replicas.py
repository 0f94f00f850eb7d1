"""Script: a model with a SpADense on one device, and on two replicas, must be equal."""

import contextlib

import keras
import numpy as np
import tensorflow as tf
import toys

import keras_spa as spa


def trained(scope):
    """Weights and class means after nine steps of Keras' own `fit`, all copies."""
    with scope:
        image, label = keras.Input((toys.INPUTS,)), keras.Input((), dtype="int32")
        head = spa.layers.SpADense(toys.CLASSES, [spa.SpAReg(0.5), spa.SpAProj(0.4)])
        model = keras.Model([image, label], head(toys.backbone()(image), label))
        head.kernel.assign(toys.dense(toys.FEATURES, toys.CLASSES).kernel)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.2, momentum=0.9), loss)
        x, y = toys.data(48)
        model.fit([x, y], y, batch_size=16, epochs=3, shuffle=False, verbose=0)
        local = tf.distribute.get_strategy().experimental_local_results
        return [[np.asarray(copy) for copy in local(v.value)] for v in model.variables]


cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
one = trained(contextlib.nullcontext())
two = trained(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope())
for (expected,), (first, second) in zip(one, two, strict=True):
    np.testing.assert_allclose(first, expected, atol=1e-5)
    np.testing.assert_array_equal(second, first)
