"""What constructors, layers and metrics refuse: tables of callables and bad values.

A row stands for all its bad values; the error names the argument and shows the value.
"""

import functools
import re

import keras
import numpy as np
import pytest

from keras_spa import (
    CosineRamp,
    SpAProj,
    SpAReg,
    SpASLERP,
    align,
    choose_alignment,
    diagnose,
    layers,
    metrics,
    models,
)

NAN, INF = float("nan"), float("inf")
NOT_IN_0_1 = [-0.1, 1.1, NAN, INF, True, "0.5", None]
NO_COUNT = [0, -1, 2.5, True, "9"]
BOUND = layers.ClassMeans(4)
ARGUMENTS = [
    (functools.partial(CosineRamp, steps=10), "rate", NOT_IN_0_1),
    (functools.partial(CosineRamp, 0.1), "steps", NO_COUNT),
    (SpAProj, "gamma", NOT_IN_0_1),
    (SpAProj, "center", ["yes"]),
    (SpASLERP, "rate", NOT_IN_0_1),
    (SpASLERP, "threshold", [-1.1, *NOT_IN_0_1[1:]]),
    (SpASLERP, "norm", ["unit"]),
    (SpASLERP, "center", ["yes"]),
    (SpAReg, "strength", NOT_IN_0_1[2:]),
    (SpAReg, "gradient", ["weights"]),
    (SpAReg, "center", ["yes"]),
    (SpAReg, "class_means", ["means"]),
    (functools.partial(SpAReg, class_means=BOUND), "gradient", ["features"]),
    (layers.ClassMeans, "num_classes", [1, -3, "4", None, *NO_COUNT]),
    (functools.partial(layers.ClassMeans, 4), "momentum", NOT_IN_0_1),
    (layers.CosineDense, "units", [*NO_COUNT, None]),
    (functools.partial(layers.CosineDense, 2), "scale", [0, -1, NAN, "big"]),
    (functools.partial(layers.CosineDense, 2), "learn_scale", [1]),
    (layers.ETFDense, "units", [1, "3"]),
    (functools.partial(layers.ETFDense, 3), "seed", [-1, 0.5]),
    (functools.partial(layers.ETFDense, 3), "scale", [0]),
    (layers.SpADense, "units", [1, *NO_COUNT, None]),
    (functools.partial(layers.SpADense, 4), "momentum", NOT_IN_0_1),
    (metrics.AlignmentCosine, "center", ["yes"]),
    (models.resnet_cifar, "depth", [31, "32", None]),
    (models.resnet_cifar, "width", [0, 24, NAN]),
    (models.resnet_cifar, "shortcut", ["conv1x1", True]),
    (models.resnext50, "groups", [0, 2.5, NAN]),
    (models.resnext50, "group_width", [0, "4", None]),
]


def spa_dense(alignment):
    return layers.SpADense(4, alignment).build((None, 5))


def spa_dense_of_rank(rank):
    return layers.SpADense(4, lora_rank=rank).build((None, 5))


def class_means(features, labels):
    layer = layers.ClassMeans(4)
    layer.build((None, 3))
    return layer.call(features, np.array(labels), training=True)


def class_means_of_shape(shape):
    return class_means(np.ones(shape, "float32"), [0, 1, 2])


def class_means_of_labels(labels):
    return class_means(np.ones((3, 3), "float32"), labels)


def spa_dense_of_labels(labels):
    layer = layers.SpADense(4)
    layer.build((None, 3))
    return layer.call(np.ones((3, 3), "float32"), np.array(labels), training=True)


def etf_dense(shape):
    return layers.ETFDense(100).build(shape)


def cosine_dense_called(shape):
    layer = layers.CosineDense(4)
    layer.build((None, 6))
    return layer(np.zeros(shape, "float32"))


NO_LABELS = [
    [0, 4, 1],
    [0, -1, 1],
    [0.0, 0.5, 1.0],
    [0.0, NAN, 1.0],
    [[0, 0, 0, 1], [0, 0, 0, -1], [1, 0, 0, 0]],
    [[0, 0, 0, 1], [0, 0, 0, INF], [1, 0, 0, 0]],
    [[0, 1], [1, 0], [1, 0]],
    ["a", "b", "c"],
]
X, Y = np.ones((6, 4), "float32"), np.arange(6) % 3
NAN_X = np.where(np.eye(6, 4), NAN, X)
MODEL = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
NO_DATASET = [None, 3, "data", (X.tolist(), Y.tolist()), [{"x": X}], [X], (X, Y[:5])]
NO_BATCH = [(X, Y - 1), (X, Y + 1), (X, Y[:4]), (X, Y + 0.5), (X, Y.astype(str))]


def means_of(batch):
    return metrics.exact_class_means([batch], 3)


def accuracy_of(labels):
    return metrics.accuracy_per_class(Y, labels, 3)


def choice_of(held_out):
    images = X * np.arange(6, dtype="float32")[:, None]
    return choose_alignment(MODEL, (images, Y), held_out, verbose=0)


NO_FEATURES = [(3,), (3, 4, 4), (3, None)]
INPUTS = [
    (spa_dense, ["spa_regg", 0.1, [SpAReg(), None]], "Argument `alignment` .*Received"),
    (spa_dense, [SpAReg(class_means=BOUND)], "Argument `alignment` .*Received"),
    (functools.partial(align, MODEL, verbose=0), NO_DATASET, "Argument `dataset`"),
    (functools.partial(diagnose, MODEL, verbose=0), NO_DATASET, "Argument `dataset`"),
    (choice_of, [(NAN_X, Y)], "Argument `held_out` must give finite features"),
    (means_of, NO_BATCH, "Argument `labels` must .*Received"),
    (means_of, [(X[0], Y), (X[None], Y)], "must hold features .*Received"),
    (accuracy_of, [labels for _, labels in NO_BATCH], "Argument `labels` must"),
    (spa_dense_of_rank, [2], "Argument `lora_rank` .*Received"),
    (class_means_of_labels, NO_LABELS, "Argument `labels` must be .*Received"),
    (spa_dense_of_labels, NO_LABELS, "Argument `labels` must be .*Received"),
    (layers.ClassMeans(4).build, NO_FEATURES, "`features` must have shape"),
    (layers.SpADense(4).build, NO_FEATURES, "`features` must have shape"),
    (
        class_means_of_shape,
        [(3,), (3, 3, 3), (3, 4)],
        r"`features` must have shape \(B, 3\)",
    ),
    (
        layers.CosineDense(3).build,
        [(None, None), (3,), (None, 4, None)],
        "`inputs` must be features .*Received",
    ),
    (cosine_dense_called, [(2, 7)], "expected axis -1"),
    (
        etf_dense,
        [(None, 64)],
        r"`inputs` must be features of at least 99 dimensions: a simplex ETF of 100 "
        r"classes .*Received: inputs.shape=\(None, 64\)",
    ),
]


def refusals(call, values):
    """What is said of each of the values, all of which must be refused."""
    for value in values:
        try:
            call(value)
        except ValueError as error:
            yield str(error)
        else:
            pytest.fail(f"{value!r} was not refused")


@pytest.mark.parametrize(("call", "name", "values"), ARGUMENTS)
def test_a_bad_argument_is_named(call, name, values):
    for said in refusals(lambda value: call(**{name: value}), values):
        assert re.search(f"(?s)Argument `{name}` .*Received: {name}=", said)


@pytest.mark.parametrize(("call", "values", "message"), INPUTS)
def test_bad_inputs_are_named(call, values, message):
    for said in refusals(call, values):
        assert re.search(message, said)
