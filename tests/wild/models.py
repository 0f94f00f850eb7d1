"""Wild inputs of `models`, `callbacks` and `ModelCard`."""

import keras
import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import ANY, SAME, Subject, Wild
from wild.layers import FEATURES, KERNEL, MOMENTUM, NO_ALIGNMENT, D, K

X, YS = np.tile(FEATURES, (3, 1)), np.tile([0, 2, 1, 1], 3)


def dense(units, **kwargs):
    layer = keras.layers.Dense(units, **kwargs)
    layer.build((None, D))
    layer.set_weights([KERNEL[:, :units], np.zeros(units)])
    return layer


BACKBONE = keras.Sequential([keras.Input((D,)), keras.layers.Identity()])
HEAD = dense(K)


def parts(make):
    """A model of parts, and what it makes of features."""

    def call(backbone=BACKBONE, classifier=HEAD, **arguments):
        return make(backbone, classifier, **arguments)(FEATURES)

    return call


NO_LAYER = [
    *pools.NOTHING,
    Wild("a class", keras.layers.Dense),
    Wild("a list", [HEAD]),
    Wild("its configuration", HEAD.get_config()),
]
NO_HEAD = [
    *NO_LAYER,
    Wild("without a kernel", keras.layers.ReLU()),
    Wild("a softmax", dense(K, activation="softmax")),
    Wild("one class", dense(1)),
    Wild("a convolution", keras.layers.Conv2D(K, 3)),
]
NO_BACKBONE = NO_LAYER
PARTS = {
    "backbone": NO_BACKBONE,
    "classifier": NO_HEAD,
    "alignment": NO_ALIGNMENT,
    **MOMENTUM,
}
GLMC = {"class_counts": [9, 5, 2], "epochs": 5, "units": 8}
GIVEN = {"alignment": "spa_reg", "momentum": 0.5}
SMALL = {"hidden_units": 8, "embedding_units": 4}
NO_SHAPE = [
    *pools.NOTHING,
    Wild("a number", 32),
    Wild("of rank 2", (32, 32)),
    Wild("of rank 4", (1, 32, 32, 3)),
    Wild("texts", ("32", "32", "3")),
    Wild("negative", (-1, 32, 3)),
    Wild("zero", (0, 32, 3)),
    Wild("fractions", (32.5, 32, 3)),
    Wild("no channels", (32, 32, None)),
]


def card(**given):
    made = spa.ModelCard(**given)
    return [made.to_json(), made.to_markdown()]


def monitored(model=None, **arguments):
    monitor = spa.callbacks.CollapseMonitor(**arguments)
    monitor.set_params({"epochs": 1})
    monitor.set_model(model or keras.Sequential([keras.Input((D,)), HEAD]))
    monitor.on_train_begin()
    monitor.on_epoch_end(0)
    return [*monitor.reports[0].metrics.values()]


def deferred(**arguments):
    return spa.callbacks.DeferredReweighting(**arguments).class_weights


def updated(model):
    callback = spa.callbacks.ApplyUpdate()
    callback.set_model(model)
    callback.on_train_begin()
    return []


PLAIN = keras.Sequential([keras.Input((D,)), dense(K)])
ALIGNED = keras.Sequential([keras.Input((D,)), spa.layers.SpADense(K)])
ALIGNED.compile("sgd", "mse")
TABLE = {
    "SpAModel": Subject(
        parts(spa.SpAModel),
        GIVEN,
        {**PARTS, "card": pools.without(pools.NOTHING, "None")},
    ),
    "BCL": Subject(
        parts(spa.models.BCL),
        {**GIVEN, **SMALL, "contrast_weight": 0.5, "temperature": 0.5},
        {
            **PARTS,
            "augment": pools.without(NO_LAYER, "None"),
            "contrast_weight": pools.number(0.5, 0),
            "temperature": [*pools.number(0.5, 0), Wild("0", 0)],
            "hidden_units": pools.integer(8, 1),
            "embedding_units": pools.integer(4, 1),
        },
    ),
    "GLMC": Subject(
        parts(spa.models.GLMC),
        {**GIVEN, **GLMC, "label_weighting": 0.5, "contrast_weight": 0.5},
        {
            **PARTS,
            "class_counts": pools.counts([9, 5, 2]),
            "epochs": pools.integer(5, 1, huge=ANY),
            "fc": pools.without(NO_LAYER, "None"),
            "augment": pools.without(NO_LAYER, "None"),
            "label_weighting": pools.number(0.5, 0),
            "contrast_weight": pools.number(0.5, 0),
            "aligned": pools.choice("fc"),
            "means": pools.choice("inference"),
            "units": pools.integer(8, 1),
            "seed": pools.SEEDS,
        },
    ),
    "resnet_cifar": Subject(
        lambda **given: spa.models.resnet_cifar(**given).output_shape[-1],
        {"depth": 8, "width": 16, "shortcut": "pad", "input_shape": (8, 8, 3)},
        {
            "depth": [Wild("9", 9), *pools.integer(8, 8)],
            "width": [Wild("17", 17), *pools.integer(16, 1)],
            "shortcut": pools.choice("pad"),
            "input_shape": NO_SHAPE,
        },
    ),
    "resnext50": Subject(
        lambda **given: spa.models.resnext50(**given).output_shape[-1],
        {"input_shape": (8, 8, 3), "groups": 2, "group_width": 2},
        {
            "input_shape": NO_SHAPE,
            "groups": [w for w in pools.integer(2, 1) if w.means is not SAME],
            "group_width": [w for w in pools.integer(2, 1) if w.means is not SAME],
        },
    ),
    "ModelCard": Subject(
        card,
        {
            "class_names": ["a", "b", "c"],
            "class_counts": [9, 5, 2],
            "data": "toys",
            "preprocessing": {"resize": 8},
            "accuracy": {"overall": 0.5},
        },
        {
            "class_names": [
                *pools.NOTHING,
                Wild("numbers", [1, 2, 3]),
                Wild("one", ["a"]),
                Wild("a text", "abc"),
            ],
            "class_counts": pools.without(
                pools.counts([9, 5, 2], none=ANY), "float32", "float64"
            ),
            **{
                name: [w for w in pools.NOTHING if "text" not in w.label]
                for name in ("data", "method", "limits")
            },
            "preprocessing": pools.without(pools.NOTHING, "an empty dict"),
            "accuracy": [
                *pools.without(pools.NOTHING, "an empty dict"),
                Wild("per cent", {"overall": 50}),
                Wild("text", {"overall": "half"}),
                Wild("a number", 0.5),
            ],
        },
    ),
    "ApplyUpdate": Subject(
        updated,
        {"model": ALIGNED},
        {"model": [*pools.NOTHING, Wild("no SpADense", PLAIN)]},
    ),
    "CollapseMonitor": Subject(
        monitored,
        {"dataset": (X, YS), "every": 1, "class_counts": [9, 5, 2]},
        {
            "dataset": [*pools.NOTHING, Wild("three", (X, YS, YS)), Wild("x", X)],
            "every": pools.integer(1, 1, huge=ANY),
            "class_counts": pools.counts([9, 5, 2], none=ANY),
            "prefix": [w for w in pools.NOTHING if "text" not in w.label],
        },
    ),
    "DeferredReweighting": Subject(
        deferred,
        {"epoch": 1, "class_counts": [9, 5, 2], "beta": 0.5},
        {
            "epoch": pools.integer(1, 0, huge=ANY),
            "class_counts": pools.counts([9, 5, 2]),
            "beta": [*pools.number(0.5, 0, 1), Wild("1", 1)],
        },
    ),
}
