"""Wild inputs of `layers`."""

import keras
import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import SAME, Subject, Wild

K, D = 3, 4
FEATURES = np.array(
    [[1, 2, 0, 1], [-0.5, 3, 1, 0], [0, 1, 1, 1], [2, -1, 0, 2]], "float32"
)
Y = np.array([0, 2, 1, 1])
X, YS = np.tile(FEATURES, (3, 1)), np.tile(Y, 3)
ROWS = ("no rows", "one row less", "one column less")
# A layer is called on arrays and tensors; of others Keras makes a structure of inputs.
LISTS = ("list", "tuple", "deque", "memoryview", "object array", "pandas", "polars")
KERNEL = np.arange(12, dtype="float32").reshape(D, K) / 8
INPUTS = pools.without(pools.array(FEATURES, ROWS), "longdouble", *LISTS)
INPUTS = [w for w in INPUTS if w.label not in {n.label for n in pools.NOTHING}]


def class_means(features, labels, sample_weight=None, **arguments):
    layer = spa.layers.ClassMeans(**arguments)
    layer(features, labels, sample_weight, training=True)
    return [layer.means, layer.seen]


def batch_normalization(inputs, **arguments):
    layer = spa.layers.BatchNormalization(**arguments)
    return [layer(inputs, training=True), layer.moving_mean, layer.moving_variance]


def conv2d(inputs, **arguments):
    layer = spa.layers.Conv2D(2, 2, **arguments)
    layer.build((None, 2, 2, 4))
    layer.kernel.assign(np.arange(32, dtype="float32").reshape(2, 2, 4, 2) / 8)
    return layer(inputs)


def set_kernel(layer):
    layer.build((None, D))
    layer.kernel.assign(KERNEL[:, : layer.units])
    return layer


def cosine_dense(inputs, **arguments):
    return set_kernel(spa.layers.CosineDense(**arguments))(inputs)


def etf_dense(inputs, **arguments):
    layer = spa.layers.ETFDense(**arguments)
    layer.build((None, D))
    return layer(inputs)


def spa_dense(features, labels, sample_weight=None, **arguments):
    layer = set_kernel(spa.layers.SpADense(**arguments))
    logits = layer(features, labels, sample_weight, training=True)
    return [logits, layer.class_means.means, *layer.losses]


def disa(features, **arguments):
    layer = spa.layers.DisA(**arguments)
    return [layer(features, training=True), *layer.losses]


IMAGES = FEATURES.reshape(1, 2, 2, 4)
SHAPES = (  # are as Keras' own layers have them
    *("a scalar", "rank 0", "one rank less", "one rank more", "two ranks more"),
    *("no columns", "an empty list", "one column less", "one row less", "no rows"),
)
PICTURES = pools.without(pools.array(IMAGES), "longdouble", *LISTS, *SHAPES)
PICTURES = [w for w in PICTURES if w.label not in {n.label for n in pools.NOTHING}]
MOMENTUM = {"momentum": pools.number(0.5, 0, 1)}
NO_ALIGNMENT = [
    *pools.without(pools.NOTHING, "None", "an empty dict"),
    Wild("another name", "spa"),
    Wild("upper case", "SPA_REG"),
    Wild("a class", spa.SpAReg),
    Wild("a number", 0.1),
    Wild("a number in a list", [0.1]),
    Wild("a regularizer", keras.regularizers.L2(0.1)),
    Wild("in a list", ["spa_reg"], SAME),
    Wild("in a tuple", ("spa_reg",), SAME),
]
TABLE = {
    "BatchNormalization": Subject(
        batch_normalization, {"inputs": IMAGES}, {"inputs": PICTURES}
    ),
    "Conv2D": Subject(conv2d, {"inputs": IMAGES}, {"inputs": PICTURES}),
    "ClassMeans": Subject(
        class_means,
        {"features": FEATURES, "labels": Y, "num_classes": K, "momentum": 0.5},
        {
            "features": INPUTS,
            "labels": pools.without(pools.labels(Y, K), *LISTS, "None", "longdouble"),
            "num_classes": pools.integer(K, 2),
            "covariance": pools.FLAGS,
            **MOMENTUM,
        },
    ),
    "CosineDense": Subject(
        cosine_dense,
        {"inputs": FEATURES, "units": K, "scale": 2.0},
        {
            "inputs": pools.without(INPUTS, "one rank more", "two ranks more"),
            "units": pools.integer(K, 1),
            "scale": [*pools.number(2.0, 0), Wild("0", 0)],
            "learn_scale": pools.FLAGS,
        },
    ),
    "DisA": Subject(
        disa,
        {
            "features": FEATURES,
            "num_classes": K,
            "strength": 0.5,
            "epsilon": 1.0,
            "iterations": 3,
            "seed": 0,
        },
        {
            "features": INPUTS,
            "num_classes": pools.integer(K, 2),
            "strength": pools.number(0.5, 0),
            "epsilon": [*pools.number(1.0, 0), Wild("0", 0)],
            "iterations": pools.integer(3, 1, huge=None),
            "standardize": pools.FLAGS,
            "seed": pools.SEEDS,
        },
    ),
    "ETFDense": Subject(
        etf_dense,
        {"inputs": FEATURES, "units": K, "seed": 0, "scale": 2.0},
        {
            "inputs": pools.without(INPUTS, "one rank more", "two ranks more"),
            "units": pools.integer(K, 2),
            "seed": pools.SEEDS,
            "scale": [*pools.number(2.0, 0), Wild("0", 0)],
        },
    ),
    "SpADense": Subject(
        spa_dense,
        {
            "features": FEATURES,
            "labels": Y,
            "units": K,
            "alignment": "spa_reg",
            "momentum": 0.5,
        },
        {
            "features": INPUTS,
            "labels": pools.without(pools.labels(Y, K), *LISTS, "None", "longdouble"),
            "units": pools.integer(K, 2),
            "alignment": NO_ALIGNMENT,
            **MOMENTUM,
        },
    ),
}
