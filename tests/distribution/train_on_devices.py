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
IMAGE = (toys.INPUTS // 2, 2, 1)
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
    "listed": [("all", "mean_with_sample_weight", True)],
    "float16": [("reg", "sum_over_batch_size", False)],
    "added": [("reg", "sum_over_batch_size", False)],
    "clipnorm": TOGETHER,
    "global_clipnorm": TOGETHER,
    "clipvalue": TOGETHER,
    "arb": TOGETHER,
    "drw": [
        ("all", reduction, weighted)
        for reduction in ("sum_over_batch_size", "mean_with_sample_weight")
        for weighted in (False, True)
    ],
    "disa": TOGETHER,
    "bcl": [*TOGETHER, ("all", "sum_over_batch_size", True)],
    "glmc": [*TOGETHER, ("all", "mean_with_sample_weight", True)],  # of evaluation
}


class MeanSquare(keras.layers.Layer):
    """Adds to the loss what depends on the features."""

    def call(self, features):
        self.add_loss(keras.ops.mean(features**2))
        return features


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


def make_model(alignment, reduction, variant):
    shape = IMAGE if variant == "glmc" else (toys.INPUTS,)
    inputs = keras.Input(shape)
    x = toys.dense(toys.INPUTS, 7)(keras.layers.Flatten()(inputs))
    on_tensorflow = keras.backend.backend() == "tensorflow"
    if variant == "batch_norm":
        x = keras.layers.BatchNormalization(synchronized=on_tensorflow)(x)
    x = toys.dense(7, toys.FEATURES, "tanh")(x)
    if variant == "added":
        x = MeanSquare()(x)
    if variant == "disa":
        x = spa.layers.DisA(toys.CLASSES, 1.0)(x)
    parts = keras.Model(inputs, x), toys.dense(toys.FEATURES, toys.CLASSES)
    if variant == "bcl":
        keras.utils.set_random_seed(0)
        model = spa.models.BCL(
            *(*parts, ALIGNMENTS[alignment]()), hidden_units=8, embedding_units=3
        )
        model.projector.layers[1].synchronized = on_tensorflow
    elif variant == "glmc":
        keras.utils.set_random_seed(0)
        counts = np.bincount(toys.data(SAMPLES)[1])
        method = {"class_counts": counts, "epochs": EPOCHS, "aligned": "both"}
        model = spa.models.GLMC(
            *(*parts, ALIGNMENTS[alignment]()), **method, units=3, seed=0
        )
    else:
        model = spa.SpAModel(*parts, ALIGNMENTS[alignment]())
    # Normalising few prototypes or predictions magnifies rounding.
    gently = reduction == "sum" or variant in ("bcl", "glmc")
    clips = {variant: 0.02} if "clip" in variant else {}
    optimizer = keras.optimizers.SGD(0.01 if gently else 0.1, momentum=0.9, **clips)
    if variant == "clipvalue":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction=reduction)
    if variant == "arb":
        loss = spa.losses.ARB()  # counts the global batch
    loss = [loss] if variant == "listed" else loss
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def views_of(x, y, variant):
    """What a step of the method takes."""
    if variant == "bcl":
        return x, x + 0.1, 0.9 * x
    if variant == "glmc":
        views = (x, x + 0.1)
        others = tuple(view[::-1] for view in views)
        return {"images": views, "partner": others, "partner_labels": y[::-1]}
    return x


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
    model = make_model(alignment, reduction, variant)
    callbacks = []
    if variant == "drw":
        y = np.where(np.arange(SAMPLES) % BATCH < BATCH // 2, 0, y)  # parts differ
        callbacks = [spa.callbacks.DeferredReweighting(1, [90, 30, 9, 3])]
    fed = {"batch_size": BATCH, "sample_weight": weights, "verbose": 0}
    if variant == "glmc":
        x = x.reshape(-1, *IMAGE)
    given = views_of(x, y, variant)
    record = model.fit(
        given, y, epochs=EPOCHS, shuffle=False, callbacks=callbacks, **fed
    ).history
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
    name = f"{variant}: {alignment}, {reduction}, {weighted}"
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
