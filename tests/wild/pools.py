"""What users bring where an array, a number, a name or counts are meant."""

import decimal
import fractions

import keras
import numpy as np

from wild import frames
from wild.arrays import (
    INF,
    NAN,
    NOTHING,
    array,
    containers,
    labels,
    meaning,
    no_arrays,
    shapes,
    without,
)
from wild.judge import ANY, REFUSED, SAME, UNDEFINED, Wild

__all__ = [
    "INF",
    "NAN",
    "NOTHING",
    "UNDEFINED",
    "array",
    "containers",
    "labels",
    "meaning",
    "no_arrays",
    "shapes",
    "without",
]


def number(good, low=-INF, high=INF, none=REFUSED):
    """Where a number in [low, high] is meant."""
    outside = [n for n in (low - 1, high + 1) if np.isfinite(n)]
    return [
        *without(NOTHING, "None"),
        Wild("None", None, none),
        Wild("True", True),
        Wild("NaN", NAN),
        Wild("inf", INF),
        Wild("-inf", -INF),
        Wild("text", str(good)),
        Wild("a list", [good]),
        Wild("an array", np.array([good])),
        Wild("float32", np.float32(good), SAME),
        Wild("float64", np.float64(good), SAME),
        Wild("float16", np.float16(good), SAME, 1e-2),
        Wild("rank 0", np.array(good), SAME),
        Wild("tensor", keras.ops.convert_to_tensor(good), SAME),
        Wild("Fraction", fractions.Fraction(good), SAME),
        Wild("Decimal", decimal.Decimal(good), SAME),
        *(Wild(f"{n:g}", n) for n in outside),
    ]


def integer(good, low=None, huge=REFUSED, none=REFUSED):
    """Where a whole number of at least `low` is meant; `huge` None: not tried."""
    return [
        *without(NOTHING, "None"),
        Wild("None", None, none),
        Wild("True", True),
        Wild("NaN", NAN),
        Wild("inf", INF),
        Wild("text", str(good)),
        Wild("half more", good + 0.5),
        Wild("a list", [good]),
        Wild("an array", np.array([good])),
        Wild("a float", float(good), SAME),
        Wild("int16", np.int16(good), SAME),
        Wild("uint64", np.uint64(good), SAME),
        Wild("rank 0", np.array(good), SAME),
        Wild("Fraction", fractions.Fraction(good), SAME),
        *([] if huge is None else [Wild("10^12", 10**12, huge)]),
        *([] if huge is None else [Wild("10^30", 10**30, huge)]),
        *([] if low is None else [Wild(f"{low - 1}", low - 1)]),
    ]


SEEDS = [
    *without(NOTHING, "None"),
    *(Wild(str(n), n) for n in (-1, 0.5, "0", True, NAN)),
    *(Wild(f"{name}", n, ANY) for name, n in (("int64", np.int64(3)), ("0", 0))),
    *(Wild(name, n, ANY) for name, n in (("2^31", 2**31), ("2^32", 2**32))),
    *(Wild(name, n, ANY) for name, n in (("2^64", 2**64), ("10^30", 10**30))),
    Wild("a list", [1, 2]),
]
FLAGS = [
    *NOTHING,
    *(Wild(repr(value), value) for value in ("True", "yes", NAN, 2, [True])),
    Wild("NumPy's True", np.True_, ANY),
    Wild("1", 1, ANY),
    Wild("0", 0, ANY),
]


def choice(good, none=REFUSED):
    """Where one of a few names is meant."""
    return [
        *without(NOTHING, "None"),
        Wild("None", None, none),
        Wild("upper case", good.upper()),
        Wild("with a space", f"{good} "),
        Wild("NumPy's text", np.str_(good), SAME),
        Wild("its bytes", good.encode()),
        Wild("a list", [good]),
        Wild("NaN", NAN),
        Wild("True", True),
        Wild("-1", -1),
    ]


def counts(good, none=REFUSED):
    """Where the training images of each class are meant, whole numbers."""
    plain = np.array(good)
    by_place = "pandas of another index", "pandas of a shuffled index"
    put = {"0": 0, "negative": -3, "NaN": NAN, "inf": INF, "None": None, "text": "9"}
    return [
        *without(containers(plain), "memoryview", *by_place),
        *frames.counts(plain),
        Wild("int16", plain.astype("int16"), SAME),
        Wild("float32", plain.astype("float32"), SAME),
        Wild("dict", dict(enumerate(good)), SAME),
        Wild("dict backwards", dict(reversed([*enumerate(good)])), SAME),
        *(Wild(f"{k} within", [*good[:-1], value]) for k, value in put.items()),
        *without(no_arrays(plain), "None"),
        Wild("None", None, none),
        Wild("bools", [True] * len(good)),
        Wild("texts as keys", {str(c): n for c, n in enumerate(good)}),
        Wild("a key missing", dict(enumerate(good[:-1], 1))),
        Wild("rank 2", plain[None]),
        Wild("an empty list", []),
        Wild("of one class", good[:1]),
        Wild("a number", good[0]),
    ]
