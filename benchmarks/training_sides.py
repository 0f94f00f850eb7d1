"""The sides of training.py, each of which trains in a process of its own.

A side is asked by a pipe for its turn, and answers with what a `Clock` has read.
"""

import multiprocessing
import os
import pathlib
import sys
import time

import harness
import numpy as np

keras, spa, watching = map(
    harness.Later, ("keras", "keras_spa", "keras_spa.training.callbacks")
)
plain = harness.Later("plain_torch")
CLASSES, BATCH, SIDE, WIDTH = 100, 128, 32, 16
LOOP, STEP, PRODUCT = "loop", "step", "matrix product"
PLAIN, PLAIN_LAST = "plain PyTorch", "plain PyTorch, channels-last"
PRODUCT_SIZE, PRODUCTS = 2048, 10


class Clock:
    """Seconds, and those of the processor, since it was made."""

    def __init__(self):
        self.started = self._now()

    def read(self):
        return [b - a for a, b in zip(self.started, self._now(), strict=True)]

    @staticmethod
    def _now():
        worked = time.process_time()
        for worker in multiprocessing.active_children():
            path = pathlib.Path(f"/proc/{worker.pid}/stat")
            if path.is_file():  # on Linux
                ticks = path.read_text().rpartition(")")[2].split()[11:13]
                worked += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), worked


def images():
    random = np.random.RandomState(0)
    pixels = random.randint(0, 256, (40 * BATCH, SIDE, SIDE, 3)).astype("uint8")
    return pixels, random.randint(0, CLASSES, len(pixels))


def ours(depth):
    """A model as the recipes have it, compiled as they do."""
    inputs = keras.Input((SIDE, SIDE, 3), dtype="uint8")
    network = spa.models.resnet_cifar(depth, WIDTH)
    features = network(keras.layers.Rescaling(1 / 64, -2)(inputs))
    backbone = keras.Model(inputs, features)
    model = spa.SpAModel(backbone, keras.layers.Dense(CLASSES))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9, weight_decay=2e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() == "jax",
    )
    return model


def serve_ours(pipe, backend, depth, steps):
    """A `fit` whose epochs wait for their turn; between them the bare step has its."""
    started = time.perf_counter()
    data, bare = images(), ours(depth)
    batch = data[0][:BATCH], data[1][:BATCH]

    factor = keras.random.uniform((PRODUCT_SIZE, PRODUCT_SIZE))

    def products():
        for _ in range(PRODUCTS):
            product = keras.ops.matmul(factor, factor)
        keras.ops.convert_to_numpy(product[0, 0])  # waits for it

    def bare_steps(count):
        for _ in range(count):
            bare.train_on_batch(*batch)

    class Turns(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:  # the first one compiled
                version = sys.modules[backend].__version__
                pipe.send((version, time.perf_counter() - started))
            while epoch and (asked := pipe.recv()) != LOOP:
                if asked is None:
                    sys.exit()
                clock = Clock()
                if asked == PRODUCT:
                    products()
                else:
                    bare_steps(steps)
                pipe.send(clock.read())
            self.clock = Clock()

        def on_epoch_end(self, epoch, logs=None):
            shown = "  ".join(f"{name} {value:.3g}" for name, value in logs.items())
            if epoch:
                pipe.send(self.clock.read())
            else:
                bare_steps(2)
                products()
            print(shown, file=sys.stderr)

    def diverged(what):
        raise ArithmeticError(what)

    model = ours(depth)
    finite = watching.FiniteLoss((0, 0), diverged)
    batches = spa.data.pipeline(
        data, BATCH, augment=spa.data.RandomCropFlip(), repeat=True
    )
    endless = 10**6
    callbacks = watching.Callbacks(
        [finite, Turns()], add_history=True, model=model, epochs=endless
    )
    model.fit(
        batches,
        steps_per_epoch=steps,
        epochs=endless,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
    )


def serve_plain(pipe, depth, steps):
    """The plain loops, each when it is asked for."""
    started = time.perf_counter()
    import torch

    sides = {
        PLAIN: plain.training(*images(), BATCH, depth, CLASSES),
        PLAIN_LAST: plain.training(*images(), BATCH, depth, CLASSES, last=True),
    }
    for run in sides.values():
        run(2)
    pipe.send((torch.__version__, time.perf_counter() - started))
    while (asked := pipe.recv()) is not None:
        clock = Clock()
        sides[asked](steps)
        pipe.send(clock.read())
