"""What an alignment adds to the time of a real training step.

ResNet-32 (width 16, d = 64) with K = 100 classes and batches of 128: the same step
as a plain Keras model, as a SpAModel that only tracks its class means, and with each
alignment. All variants take turns in every round, so that a drifting machine drifts
for all; the ratio to the plain model is taken round by round. Then the same without
a backbone for K = 1,000 and d = 2,048, where the head is all there is to compute.

    python benchmarks/alignment_overhead.py
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

PLAIN = "plain Keras model"


def variants():
    """The alignments of each variant, by name; None: no SpAModel."""
    return {
        PLAIN: None,
        "SpAModel, no alignment": (),
        "SpA-Reg, paper": (spa.SpAReg.paper(0.1),),
        "SpA-SLERP, paper": (spa.SpASLERP.paper(0.02),),
        "SpA-Proj, paper": (spa.SpAProj.paper(0.6),),
        "all three, paper": (
            spa.SpAReg.paper(0.1),
            spa.SpASLERP.paper(0.02),
            spa.SpAProj.paper(0.6),
        ),
        "SpA-Reg": (spa.SpAReg(0.1),),
        "SpA-SLERP": (spa.SpASLERP(0.01),),
        "SpA-SLERP, every 10": (spa.SpASLERP(0.01, every=10),),
        "SpA-Proj": (spa.SpAProj(0.6),),
        "all three": (spa.SpAReg(0.1), spa.SpASLERP(0.01), spa.SpAProj(0.6)),
    }


def make_model(backbone, num_classes, alignments):
    classifier = keras.layers.Dense(num_classes)
    if alignments is None:
        model = keras.Model(backbone.inputs, classifier(backbone.outputs[0]))
    else:
        model = spa.SpAModel(backbone, classifier, list(alignments))
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def compare(title, make_backbone, num_classes):
    models = {
        name: make_model(make_backbone(), num_classes, alignments)
        for name, alignments in variants().items()
    }
    shape = models["SpA-Reg"].backbone.input_shape[1:]
    random = np.random.RandomState(0)
    x = random.rand(_BATCH_SIZE.value, *shape).astype("float32")
    y = random.randint(num_classes, size=len(x))
    steps = {
        name: functools.partial(model.train_on_batch, x, y)
        for name, model in models.items()
    }
    times = harness.time_in_turns(steps, _ROUNDS.value, _STEPS.value)
    print(f"{title}, batch {len(x)}, {os.cpu_count()} cores\n")
    harness.print_times(times, "step", baseline=PLAIN)
    return times


def main():
    print(f"Keras {keras.__version__} on {keras.backend.backend()}")
    network = compare(
        f"ResNet-{_DEPTH.value}, K = 100, d = 64",
        lambda: spa.models.resnet_cifar(_DEPTH.value),
        100,
    )
    head = compare(
        "Head alone, K = 1,000, d = 2,048",
        lambda: keras.Sequential([keras.Input((2048,)), keras.layers.ReLU()]),
        1000,
    )
    harness.save({"seconds_resnet": network, "seconds_head": head})


if __name__ == "__main__":
    harness.run(main, rounds=2, steps=1, batch_size=8, depth=8)
