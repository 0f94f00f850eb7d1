"""What each loss costs beside Keras' own cross-entropy.

Value and gradient by the logits, B = 256 and K = 1,000, integer labels, as `fit` runs
them by default: a compiled graph on TensorFlow, jit on JAX, eagerly on PyTorch;
`--jit_compile` compiles on TensorFlow (XLA) and PyTorch (torch.compile), too. No loss
should take more than 1.3 times as long as Keras' sparse cross-entropy.

    python benchmarks/losses.py
"""

import os

import harness
import numpy as np
from absl import flags

keras, spa = map(harness.Later, ("keras", "keras_spa"))
_ROUNDS = flags.DEFINE_integer("rounds", 21, "Rounds; the median is printed.", 1)
_STEPS = flags.DEFINE_integer("steps", 20, "Steps a loss and round.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "B.", 1)
_CLASSES = flags.DEFINE_integer("classes", 1000, "K.", 2)
_JIT = flags.DEFINE_bool("jit_compile", False, "Compile on TensorFlow and PyTorch.")


def losses(num_classes):
    counts = spa.data.long_tail_counts(num_classes, 1280, 256)
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return {
        "Keras": plain,
        "BalancedSoftmax": spa.losses.BalancedSoftmax(counts),
        "LogitAdjusted": spa.losses.LogitAdjusted(counts, tau=1.5),
        "LDAM": spa.losses.LDAM(counts),
        "ClassBalanced(Keras)": spa.losses.ClassBalanced(plain, counts),
        "DotRegression": spa.losses.DotRegression(),
    }


def _tensorflow(loss, labels, logits):
    import tensorflow as tf

    @tf.function(jit_compile=_JIT.value)
    def value_and_gradient(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits)
        return value, tape.gradient(value, logits)

    labels, logits = tf.constant(labels), tf.constant(logits)

    def step():
        value_and_gradient(labels, logits)
        tf.test.experimental.sync_devices()

    return step


def _jax(loss, labels, logits):
    import jax

    value_and_gradient = jax.jit(jax.value_and_grad(lambda z, y: loss(y, z)))
    labels, logits = jax.numpy.asarray(labels), jax.numpy.asarray(logits)
    return lambda: jax.block_until_ready(value_and_gradient(logits, labels))


def _torch(loss, labels, logits):
    import torch

    labels = keras.ops.convert_to_tensor(labels)
    logits = keras.ops.convert_to_tensor(logits).requires_grad_()
    value = torch.compile(loss) if _JIT.value else loss

    def step():
        torch.autograd.grad(value(labels, logits), logits)
        if logits.is_cuda:
            torch.cuda.synchronize()

    return step


_STEP = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}


def main():
    backend = keras.backend.backend()
    random = np.random.RandomState(0)
    shape = (_BATCH_SIZE.value, _CLASSES.value)
    labels = random.randint(shape[1], size=shape[0])
    logits = random.uniform(-1, 1, size=shape).astype("float32")
    steps = {
        name: _STEP[backend](loss, labels, logits)
        for name, loss in losses(shape[1]).items()
    }
    times = harness.time_in_turns(steps, _ROUNDS.value, _STEPS.value)
    compiled = ", compiled" if _JIT.value else ""
    print(f"Keras {keras.__version__} on {backend}{compiled}, {os.cpu_count()} cores")
    print(f"B = {shape[0]}, K = {shape[1]}, value and gradient\n")
    harness.print_times(times, "loss", baseline="Keras")
    harness.save({"seconds": times})


if __name__ == "__main__":
    harness.run(main, rounds=2, steps=2)
