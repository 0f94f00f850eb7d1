"""Wild inputs of `losses`."""

import keras
import numpy as np

import keras_spa as spa
from wild import pools
from wild.judge import SAME, Subject, Wild

K = 3
COUNTS = [50, 20, 5]
Y = np.array([0, 2, 1, 1])
LOGITS = np.array([[1, 2, -1], [0.5, -2, 3], [0, 0.25, 1], [4, 1, 1]], "float32")
FEATURES = np.array([[1, 2], [-0.5, 3], [0, 1], [2, -1]], "float32")
MEANS = np.array([[1, 2], [1, 0], [-0.5, 3]], "float32")
ONE_ROW = ("no rows", "one row less")
COUNTED = {"class_counts": pools.counts(COUNTS)}
OF_KERAS = {"reduction": [w for w in pools.NOTHING if w.label in ("text", "bytes")]}


def loss(make, wild, counted=True, **good):
    """A loss, made and called; Keras' own arguments are Keras' own."""

    def call(y_true, y_pred, sample_weight, **arguments):
        return make(**arguments)(y_true, y_pred, sample_weight)

    given = {"y_true": Y, "y_pred": LOGITS, "sample_weight": np.ones(4, "float32")}
    tried = {
        "y_true": [
            *pools.labels(Y, K),
            Wild("too few", Y[:-1]),
            Wild("no labels", Y[:0]),
        ],
        "y_pred": pools.array(LOGITS),
        "sample_weight": [
            *pools.containers(given["sample_weight"]),
            *pools.without(pools.no_arrays(given["sample_weight"]), "None"),
            Wild("None", None, SAME),
        ],
        **OF_KERAS,
    }
    if counted:
        given["class_counts"] = COUNTS
        tried |= COUNTED
    return Subject(call, given | good, tried | wild)


def class_balanced(**arguments):
    arguments.setdefault("loss", PLAIN)
    return spa.losses.ClassBalanced(**arguments)


PLAIN = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
NO_LOSS = [
    *pools.NOTHING,
    Wild("a name", "categorical_crossentropy"),
    Wild("a class", keras.losses.CategoricalCrossentropy),
    Wild("a function", keras.losses.categorical_crossentropy),
]
BALANCED = loss(class_balanced, {"beta": pools.number(0.5, 0, 1), "loss": NO_LOSS})
# A loss of integer labels within it takes none that are soft.
BALANCED.wild["y_true"] = [
    w for w in BALANCED.wild["y_true"] if w.label not in ("one-hot", "another K")
]

LOSSES = {
    "ARB": loss(spa.losses.ARB, {}, counted=False),
    "BalancedSoftmax": loss(spa.losses.BalancedSoftmax, {}),
    "ClassBalanced": BALANCED._replace(good={**BALANCED.good, "beta": 0.5}),
    "DotRegression": loss(
        spa.losses.DotRegression, {"energy": pools.number(2.0, 0)}, False, energy=2.0
    ),
    "LDAM": loss(
        spa.losses.LDAM,
        {"max_margin": pools.number(0.5, 0), "scale": pools.number(2.0, 0)},
        max_margin=0.5,
        scale=2.0,
    ),
    "LabelAwareSmoothing": loss(
        spa.losses.LabelAwareSmoothing,
        {
            "smooth_head": pools.number(0.25, 0, 1),
            "smooth_tail": pools.number(0.125, 0, 1),
            "shape": pools.choice("concave"),
        },
        smooth_head=0.25,
        smooth_tail=0.125,
        shape="concave",
    ),
    "LogitAdjusted": loss(
        spa.losses.LogitAdjusted, {"tau": pools.number(0.5, 0)}, tau=0.5
    ),
}
for name in ("ARB", "DotRegression"):
    LOSSES[name].wild["y_pred"] = [
        # Any K is one; labels beyond it are named.
        w
        for w in LOSSES[name].wild["y_pred"]
        if w.label not in ("one column less", "no columns")
    ]
EMBEDDINGS = np.stack([FEATURES, FEATURES[::-1]], axis=1)
FUNCTIONS = {
    "adjust_logits": Subject(
        spa.losses.adjust_logits,
        {"logits": LOGITS, "class_counts": COUNTS, "tau": 0.5},
        {
            "logits": pools.array(
                LOGITS,
                (*ONE_ROW, "one rank more", "two ranks more", "one rank less"),
            ),
            "tau": pools.number(0.5, 0),
            **COUNTED,
        },
    ),
    "log_prior": Subject(spa.losses.log_prior, {"class_counts": COUNTS}, COUNTED),
    "balanced_contrastive": Subject(
        spa.losses.balanced_contrastive,
        {
            "embeddings": EMBEDDINGS,
            "labels": Y,
            "prototypes": MEANS,
            "temperature": 0.5,
        },
        {
            "embeddings": pools.without(
                pools.array(EMBEDDINGS), "one row less", "no rows", "no columns"
            )
            + [Wild("other rows", EMBEDDINGS[:-1]), Wild("no rows", EMBEDDINGS[:0])],
            "labels": pools.labels(Y, K, soft=False),
            "prototypes": pools.without(
                pools.array(MEANS), "no columns", "one row less", "no rows"
            ),
            "temperature": [*pools.number(0.5, 0), Wild("0", 0)],
        },
    ),
    "inducing_collapse": Subject(
        spa.losses.inducing_collapse,
        {
            "features": FEATURES,
            "labels": Y,
            "centers": MEANS,
            "compactness": 0.5,
            "separation": 0.25,
            "pairs": "each",
        },
        {
            "features": pools.array(FEATURES),
            "labels": pools.labels(Y, K, soft=False),
            "centers": pools.without(pools.array(MEANS), "one row less"),
            "compactness": pools.number(0.5, 0),
            "separation": pools.number(0.25, 0),
            "pairs": pools.choice("each"),
        },
    ),
    "transport_cost": Subject(
        spa.losses.transport_cost,
        {"features": FEATURES, "targets": MEANS, "epsilon": 1.0, "iterations": 3},
        {
            "features": pools.array(FEATURES, ONE_ROW),
            "targets": pools.array(MEANS, ("one row less",)),
            "epsilon": [*pools.number(1.0, 0), Wild("0", 0)],
            "iterations": pools.integer(3, 1, huge=None),
        },
    ),
}


TABLE = {**LOSSES, **FUNCTIONS}
