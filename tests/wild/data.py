"""Wild inputs of `data`, but for its layers."""

import keras
import numpy as np

import keras_spa as spa
from wild import frames, pools
from wild.augment import IMAGES, NO_DTYPE, K
from wild.judge import ANY, SAME, Fresh, Subject, Wild

Y = np.array([0, 2, 1, 1, 0, 0])
COUNTS = np.array([2, 1, 1])
NO_LABELS = pools.labels(Y, K, soft=False, fits=("no rows",))
NAMES = ("a", "b", "c")
# Where no K is known, any class may be one.
OF_ANY_K = [
    w._replace(means=ANY)
    if w.label in ("K", "256 more", "2^32 more", "2^64 - 1")
    else w
    for w in NO_LABELS
]


def batches(images=IMAGES, labels=Y, data=None, **arguments):
    data = (images, labels) if data is None else data
    return [spa.data.Batches(data, **arguments)[0]]


def piped(images=IMAGES, labels=Y, data=None, **arguments):
    data = (images, labels) if data is None else data
    return list(spa.data.pipeline(data, **arguments).take(1))


NO_DATA = [
    *pools.without(pools.NOTHING, "None"),
    Wild("an array", IMAGES),
    Wild("three", (IMAGES, Y, Y)),
    Wild("a dict", {"x": IMAGES, "y": Y}, ANY),
    Wild("a generator", Fresh(lambda: iter([(IMAGES, Y)]))),
]
SAMPLING = [
    *pools.choice("class_balanced"),
    *(Wild(str(n), n) for n in (-0.5, np.inf)),
]
SAMPLING = [w for w in SAMPLING if w.label != "None"]
FEEDING = {
    "data": NO_DATA,
    "batch_size": pools.integer(4, 1, huge=ANY),
    "seed": pools.SEEDS,
    "sampling": SAMPLING,
    "first_epoch": pools.integer(1, 0, huge=ANY),
}
FED = {"batch_size": 4, "seed": 0, "sampling": "class_balanced", "first_epoch": 1}
FED_LABELS = {"labels": OF_ANY_K, "images": pools.no_arrays(IMAGES)}


def order(**arguments):
    return spa.data.epoch_order(**arguments)


def describe(labels, **arguments):
    return str(spa.data.describe(labels, **arguments))


def long_tailed(labels, class_names=NAMES, images=IMAGES, **parts):
    given = {"validation": None, "test": None, "name": "toy"} | parts
    train = given.pop("train", spa.data.Split(images, labels))
    data = spa.data.LongTailedData(train=train, class_names=class_names, **given)
    return [data.class_counts, repr(data)]


def split(images, labels, indices):
    return [*spa.data.Split(images, labels).take(indices)]


NO_NAMES = [
    *pools.NOTHING,
    Wild("numbers", (1, 2, 3)),
    Wild("too few", ("a", "b")),
    Wild("one", ("a",)),
    Wild("none", ()),
    Wild("a list", ["a", "b", "c"], ANY),
    Wild("of one string", "abc"),
    Wild("None among them", ("a", None, "c")),
    *frames.names(NAMES),
]
PATHS = [
    *pools.without(pools.NOTHING, "an empty dict"),
    Wild("a number", 3),
    Wild("numbers", [1, 2]),
    Wild("rank 2", np.array([["a.png"]])),
    Wild("None among them", ["a.png", None]),
    Wild("a path", "a.png"),
    Wild("a tuple", ("a.png", "b.png"), SAME),
    Wild("bytes among them", [b"a.png", "b.png"], SAME),
    Wild("objects", np.array(["a.png", "b.png"], object), SAME),
    *frames.names(["a.png", "b.png"]),
]
TABLE = {
    "Batches": Subject(batches, FED, {**FEEDING, **FED_LABELS}),
    "pipeline": Subject(
        piped,
        {**FED, "training": True},
        {
            **FEEDING,
            **FED_LABELS,
            "augment": [
                Wild("text", "cutout"),
                Wild("a number", 3),
            ],
            "image_size": pools.integer(224, 1, huge=ANY),
            "training": pools.FLAGS,
        },
    ),
    "epoch_order": Subject(
        order,
        {"labels": Y, "epoch": 1, "seed": 0, "sampling": "class_balanced"},
        {
            "labels": OF_ANY_K,
            "epoch": pools.integer(1, 0, huge=ANY),
            "seed": pools.SEEDS,
            "sampling": SAMPLING,
            "stream": pools.integer(0, 0, huge=ANY)[:-2],
        },
    ),
    "long_tail_counts": Subject(
        spa.data.long_tail_counts,
        {
            "num_classes": K,
            "max_count": 64,
            "imbalance_factor": 8,
            "profile": "exp",
        },
        {
            "num_classes": pools.integer(K, 2),
            "max_count": pools.integer(64, 1, huge=ANY),
            "imbalance_factor": pools.number(8, 1),
            "profile": pools.choice("exp"),
        },
    ),
    "long_tail_indices": Subject(
        spa.data.long_tail_indices,
        {"labels": Y, "counts": COUNTS, "seed": 0, "order": "shuffle"},
        {
            "labels": pools.without(NO_LABELS, "no rows"),
            "counts": pools.without(
                pools.counts(COUNTS.tolist()), "0 within", "of one class"
            ),
            "seed": pools.SEEDS,
            "order": pools.choice("shuffle"),
        },
    ),
    "describe": Subject(
        describe,
        {"labels": Y, "many": 2, "few": 1, "log": False, "class_names": NAMES},
        {
            "labels": pools.without(pools.labels(Y, K, soft=False), "K"),
            "many": pools.number(2, 0),
            "few": pools.number(1, 0, 2),
            "class_names": pools.without(
                NO_NAMES, "None", "numbers", "None among them"
            ),
        },
    ),
    "LongTailedData": Subject(
        long_tailed,
        {"labels": Y},
        {
            "labels": NO_LABELS,
            "class_names": NO_NAMES,
            "train": pools.without(pools.NOTHING, "None"),
            "test": pools.without(pools.NOTHING, "None"),
        },
    ),
    "Split": Subject(
        split,
        {"images": IMAGES, "labels": Y, "indices": np.array([1, 0])},
        {
            "indices": [
                Wild("int8", np.array([1, 0], "int8"), SAME),
                Wild("list", [1, 0], SAME),
                Wild("bools", np.arange(6) < 2, ANY),
                Wild("a slice", slice(0, 2), ANY),
                Wild("none", np.array([], int), ANY),
                Wild("tensor", keras.ops.convert_to_tensor([1, 0]), SAME),
            ],
            "labels": pools.without(pools.containers(Y), *NO_DTYPE),
        },
    ),
    "ImageFiles": Subject(
        lambda paths: spa.data.ImageFiles(paths).paths.tolist(),
        {"paths": ["a.png", "b.png"]},
        {"paths": PATHS},
    ),
    "load": Subject(
        lambda name, **given: repr(spa.data.load(name, **given)),
        {"name": "digits", "imbalance_factor": 10, "max_count": 50, "seed": 0},
        {
            "name": [*pools.NOTHING, Wild("upper case", "DIGITS"), Wild("1", 1)],
            "imbalance_factor": pools.without(pools.number(10, 1), "None"),
            "max_count": pools.integer(50, 1, none=ANY),
            "seed": pools.SEEDS,
            "profile": pools.choice("exp"),
            "order": pools.choice("shuffle"),
            "on_error": pools.choice("raise"),
            "validation_per_class": pools.without(
                pools.integer(3, 0), *("a float", "int8", "uint64", "rank 0")
            ),
            "held_out": [w for w in pools.number(0.25, 0, 0.5) if w.means is not SAME],
            "data_dir": pools.without(pools.NOTHING, "None", "text", "no text"),
        },
    ),
}
