"""Script: train on `REPLICAS OUTPUT.npz` virtual CPU devices with TensorFlow."""

import sys

import keras
import numpy as np
import tensorflow as tf
import toys

replicas = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * replicas
)
devices = [f"CPU:{i}" for i in range(replicas)]
strategy = (
    tf.distribute.MirroredStrategy(devices)
    if replicas > 1
    else tf.distribute.get_strategy()
)
with strategy.scope():
    model = toys.model(toys.all_alignments(), keras.optimizers.SGD(0.1, momentum=0.9))
x, y = toys.data(44)  # the last batch is smaller
history = model.fit(x, y, batch_size=16, epochs=5, shuffle=False, verbose=0).history
copies = strategy.experimental_local_results(model.aligned_kernel.value)
for copy in copies:
    np.testing.assert_array_equal(copy.numpy(), copies[0].numpy())
weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
np.savez(sys.argv[2], **weights, **{k: np.array(v) for k, v in history.items()})
