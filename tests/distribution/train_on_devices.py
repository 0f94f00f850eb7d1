"""Script: `KIND DEVICES OUTPUT.npz VARIANT ...`, thirty steps a case of a variant.

KIND is one (no strategy), mirrored, multiworker (of two, by TF_CONFIG) or
data_parallel (JAX). The last of ten batches has 5 samples instead of 16, so of 4
replicas one goes without, and 8 devices cannot share it evenly.
"""

import contextlib
import sys

import keras
import numpy as np
import toys

import keras_spa as spa
from keras_spa import distribute

SAMPLES, BATCH, EPOCHS = 149, 16, 3
ALIGNMENTS = {
    "reg": lambda: spa.SpAReg(0.5),
    "slerp": lambda: spa.SpASLERP(spa.CosineRamp(0.3, 20)),
    "proj": lambda: spa.SpAProj(0.4),
    "all": lambda: toys.all_alignments(20),
    "paper": lambda: [
        spa.SpAReg.paper(0.5),
        spa.SpASLERP.paper(0.1),
        spa.SpAProj.paper(0.4),
    ],
}
HEAVY = 12  # a sample of the first batch, in the second replica's part of two
# A case is a name of an alignment, a reduction of the loss, whether samples weigh.
TOGETHER = [("all", "sum_over_batch_size", False)]
VARIANTS = {
    "alone": [
        (name, "sum_over_batch_size", False)
        for name in ("reg", "slerp", "proj", "paper")
    ],
    "together": TOGETHER,
    "batch_norm": TOGETHER,
    "weights": [
        ("all", reduction, True)
        for reduction in ("sum_over_batch_size", "sum", "mean_with_sample_weight")
    ],
    "float16": [("reg", "sum_over_batch_size", False)],
}


def start(kind, devices):
    """A function that gives the scope of a model, and one to read all its copies."""
    if kind == "data_parallel":
        keras.distribution.set_distribution(distribute.DataParallel())
        return contextlib.nullcontext, lambda v: [
            shard.data for shard in v.value.addressable_shards
        ]
    if keras.backend.backend() == "jax":
        return contextlib.nullcontext, lambda v: [v.value]
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()]
    tf.config.set_logical_device_configuration(cpu, logical * devices)
    if kind == "one":
        return contextlib.nullcontext, lambda v: [v.value]
    if kind == "multiworker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)])
    return strategy.scope, lambda v: strategy.experimental_local_results(v.value)


def make_model(alignment, reduction, batch_norm):
    inputs = keras.Input((toys.INPUTS,))
    x = toys.dense(toys.INPUTS, 7)(inputs)
    if batch_norm:
        on_tensorflow = keras.backend.backend() == "tensorflow"
        x = keras.layers.BatchNormalization(synchronized=on_tensorflow)(x)
    backbone = keras.Model(inputs, toys.dense(7, toys.FEATURES, "tanh")(x))
    classifier = toys.dense(toys.FEATURES, toys.CLASSES)
    model = spa.SpAModel(backbone, classifier, ALIGNMENTS[alignment]())
    model.compile(
        keras.optimizers.SGD(0.01 if reduction == "sum" else 0.1, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction),
        metrics=["accuracy"],
    )
    return model


def train(case, variant, copies):
    """Final variables, which all copies agree on, and logs, by name."""
    alignment, reduction, weighted = case
    x, y = toys.data(SAMPLES)
    weights = np.linspace(0.1, 2.0, SAMPLES) if weighted else None
    half = variant == "float16"
    keras.config.set_dtype_policy("mixed_float16" if half else "float32")
    if half:
        weights = np.ones(SAMPLES)
        weights[HEAVY] = 1000  # overflows in its replica alone
    model = make_model(alignment, reduction, variant == "batch_norm")
    fed = {"batch_size": BATCH, "sample_weight": weights, "verbose": 0}
    record = model.fit(x, y, epochs=EPOCHS, shuffle=False, **fed).history
    for number, variable in enumerate(model.variables):
        first, *others = map(np.asarray, copies(variable))
        for other in others:
            np.testing.assert_array_equal(other, first, err_msg=variable.path)
        record[f"{number} {variable.path}"] = first
    scaled = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    record["updates"] = scaled.iterations
    if alignment == "all" and not weighted:
        evaluated = model.evaluate(x, y, return_dict=True, **fed)
        record |= {f"val_{name}": value for name, value in evaluated.items()}
    name = f"{variant}: {alignment}, {reduction}"
    return {f"{name}: {key}": np.asarray(value) for key, value in record.items()}


if __name__ == "__main__":
    kind, devices, output, *variants = sys.argv[1:]
    scope, copies = start(kind, int(devices))
    results = {}
    for variant in variants:
        for case in VARIANTS[variant]:
            with scope():
                results |= train(case, variant, copies)
    np.savez(output, **results)
