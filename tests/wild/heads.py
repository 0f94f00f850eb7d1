"""Wild inputs of what gives a trained model another head."""

import functools

import keras_spa as spa
from wild import pools
from wild.judge import ANY, Subject, Wild
from wild.trained import (
    COMMON,
    COUNTED,
    COUNTS,
    DATASET,
    HEADS,
    MODEL,
    NO_ALIGNMENT,
    NO_MODEL,
    NO_PAIRS,
    N,
    X,
    Y,
    align,
    chosen,
    head_of,
)

TRAINING = {
    "dataset": DATASET,
    "loss": [*pools.without(pools.NOTHING, "None"), Wild("a name", "mse")],
    "optimizer": [*pools.without(pools.NOTHING, "None"), Wild("a name", "sgd")],
    "sampling": pools.choice("class_balanced"),
    "steps": pools.integer(2, 1, huge=None),
    "seed": [w for w in pools.SEEDS if w.means is not ANY],
    "head": HEADS,
    "model": NO_MODEL,
    **COMMON,
}


def converted(model=MODEL, **given):
    return spa.trained.convert_head(model, **given).classifier.get_weights()


TRAINED = {"dataset": (X, Y), "steps": 2, "batch_size": N}
TABLE = {
    "align": Subject(
        align,
        {"batch_size": N, "class_counts": COUNTS},
        {
            "dataset": DATASET,
            "held_out": pools.without(NO_PAIRS, "None"),
            "model": NO_MODEL,
            "head": HEADS,
            "alignment": NO_ALIGNMENT,
            **COUNTED,
            **COMMON,
        },
    ),
    "choose_alignment": Subject(
        chosen,
        {"batch_size": N, "class_counts": COUNTS},
        {
            "dataset": DATASET,
            "held_out": pools.without(NO_PAIRS, "None"),
            "model": NO_MODEL,
            "head": HEADS,
            **COUNTED,
            **COMMON,
        },
    ),
    "convert_head": Subject(
        converted,
        {"scale": 2.0},
        {
            "scale": pools.number(2.0, 0, none=ANY),
            "model": NO_MODEL,
        },
    ),
    "normalize_head": Subject(
        head_of(spa.trained.normalize_head),
        {"tau": 0.5, "batch_size": N},
        {
            "tau": pools.without(pools.number(0.5, 0, 1), "None"),
            "model": NO_MODEL,
            "head": HEADS,
        },
    ),
    "retrain_head": Subject(
        head_of(functools.partial(spa.trained.retrain_head, seed=0)),
        TRAINED,
        {**TRAINING, "alignment": NO_ALIGNMENT[:11]},
    ),
    "scale_head": Subject(head_of(spa.trained.scale_head), TRAINED, TRAINING),
}
del TABLE["retrain_head"].wild["seed"]
