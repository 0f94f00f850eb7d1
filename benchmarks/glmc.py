"""What GLMC costs beyond the passes of its network that it needs.

A step of GLMC runs the network forward and backward on two mixes, and forward on the
clean images. By hand that is two training steps of the plain network and one inference
on the same batch, with what Keras adds to each. All take turns in every round; the
ratio of GLMC's step to their sum is taken round by round.

    python benchmarks/glmc.py
"""

import functools
import os

import harness
import numpy as np
from absl import flags

keras, spa = map(harness.Later, ("keras", "keras_spa"))
_ROUNDS = flags.DEFINE_integer("rounds", 9, "Rounds; the median is printed.", 1)
_STEPS = flags.DEFINE_integer("steps", 2, "Training steps a variant and round.", 1)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 128, "Images a step.", 1)
_DEPTH = flags.DEFINE_integer("depth", 32, "Depth of the residual network.")
_WIDTH = flags.DEFINE_integer("width", 16, "Channels of its first stage.")

CLASSES = 100


def alignments():
    return {
        "GLMC": None,
        "GLMC, SpA-Proj, paper": spa.SpAProj.paper(),
        "GLMC, SpA-SLERP": spa.SpASLERP(),
    }


def compiled(model, **kwargs):
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), **kwargs)
    return model


def variants(images, labels):
    """Functions that make a step, by name."""

    def backbone():
        return spa.models.resnet_cifar(_DEPTH.value, _WIDTH.value)

    network = backbone()
    outputs = keras.layers.Dense(CLASSES)(network.outputs[0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    plain = compiled(keras.Model(network.inputs, outputs), loss=loss)
    steps = {
        "plain step": functools.partial(plain.train_on_batch, images, labels),
        "plain inference": functools.partial(plain.predict_on_batch, images),
    }
    batch = {
        "images": (images, images),
        "partner": (images[::-1], images[::-1]),
        "partner_labels": labels[::-1],
    }
    for name, alignment in alignments().items():
        head = keras.layers.Dense(CLASSES)
        options = {"class_counts": [10] * CLASSES, "epochs": 10, "seed": 0}
        model = compiled(spa.models.GLMC(backbone(), head, alignment, **options))
        steps[name] = functools.partial(model.train_on_batch, batch, labels)
    return steps


def main():
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    random = np.random.RandomState(0)
    images = random.rand(_BATCH_SIZE.value, 32, 32, 3).astype("float32")
    labels = random.randint(CLASSES, size=len(images))
    steps = variants(images, labels)
    times = harness.time_in_turns(steps, _ROUNDS.value, _STEPS.value)
    pairs = zip(times["plain step"], times["plain inference"], strict=True)
    times["2 plain steps + inference"] = [2 * step + once for step, once in pairs]
    network = f"ResNet-{_DEPTH.value}, width {_WIDTH.value}"
    print(f"{network}, batch {len(images)}, {os.cpu_count()} cores\n")
    harness.print_times(times, "step", baseline="2 plain steps + inference")
    harness.save({"seconds": times})


if __name__ == "__main__":
    harness.run(main, rounds=2, steps=1, batch_size=8, depth=8, width=4)
