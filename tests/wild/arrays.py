"""What users bring where an array is meant."""

import collections
import importlib
import itertools

import keras
import ml_dtypes
import numpy as np

from wild import frames
from wild.judge import ANY, REFUSED, SAME, UNDEFINED, Fresh, Wild

NAN, INF = float("nan"), float("inf")


TORCH = frames.module("torch")
NOTHING = [
    Wild("None", None),
    Wild("text", "abc"),
    Wild("no text", ""),
    Wild("bytes", b"abc"),
    Wild("an object", object()),
    Wild("a class", dict),
    Wild("a function", len),
    Wild("an empty dict", {}),
    Wild("a set", {1, 2}),
    Wild("a generator", Fresh(lambda: (n for n in (1.0, 2.0)))),
    Wild("a module", np),
    Wild("complex", 1 + 2j),
]


def without(pool, *labels):
    return [wild for wild in pool if wild.label not in labels]


def meaning(pool, means):
    """The pool, with another right result of all its values."""
    return [wild._replace(means=means) for wild in pool]


def containers(good):
    """The same numbers in other dtypes, containers and libraries."""
    nested = good.tolist()
    spread = np.repeat(good, 2, axis=-1)[..., ::2]
    frozen = good.copy()
    frozen.flags.writeable = False
    others = {
        "float64": good.astype("float64"),
        "longdouble": good.astype("longdouble"),
        "big-endian": good.astype(good.dtype.newbyteorder(">")),
        "Fortran order": np.asfortranarray(good),
        "strided": spread,
        "read-only": frozen,
        "list": nested,
        "tuple": tuple(map(tuple, nested)) if good.ndim == 2 else tuple(nested),
        "object array": good.astype(object),
        "memoryview": memoryview(np.ascontiguousarray(good)),
        "masked array": np.ma.array(good),
        "tensor": keras.ops.convert_to_tensor(good),
        "variable": keras.Variable(good, trainable=False),
        "deque": collections.deque(nested),
    }
    if keras.backend.backend() == "jax":
        others["JAX array"] = importlib.import_module("jax").numpy.asarray(good)
    if TORCH is not None and keras.backend.backend() == "torch":
        others["torch tensor"] = TORCH.from_numpy(good.copy())
    plain = [Wild(label, value, SAME) for label, value in others.items()]
    return plain + frames.frames(good)


def no_arrays(good):
    """What is no array of numbers."""
    masked = np.ma.array(good, mask=np.arange(good.size).reshape(good.shape) == 0)
    broken = good.astype(object)
    broken.flat[0] = None
    return [
        *NOTHING,
        Wild("text for numbers", good.astype(str)),
        Wild("list of texts", good.astype(str).tolist()),
        Wild("bytes for numbers", good.astype("S")),
        Wild("complex array", good + 1j),
        Wild("dates", good.astype("int64").astype("M8[D]")),
        Wild("durations", good.astype("int64").astype("m8[s]")),
        Wild("None within", broken),
        Wild("records", np.zeros(good.shape, [("a", "f4")])),
        Wild("ragged", [[1.0], [1.0, 2.0]]),
        Wild("masked", masked),
        *frames.no_frames(good),
    ]


def other_values(good):
    """Numbers that are none, or hardly any."""
    values = good.astype("float32")
    first = np.zeros(good.shape, bool)
    first.flat[0] = True

    def put(value, dtype="float32"):
        return np.where(first, value, values).astype(dtype)

    with np.errstate(over="ignore"):
        return _other_values(put, good)


def _other_values(put, good):
    return [
        Wild("NaN", put(NAN), UNDEFINED),
        Wild("all NaN", np.full(good.shape, NAN, "float32"), UNDEFINED),
        Wild("inf", put(INF), ANY),
        Wild("-inf", put(-INF), ANY),
        Wild("1e30", put(1e30), ANY),
        Wild("1e300", put(1e300, "float64"), ANY),
        Wild("zeros", np.zeros(good.shape, "float32"), ANY),
    ]


def half(good):
    """The same in half precision, where values must be exact: multiples of 1/8."""
    return [
        Wild("float16", good.astype("float16"), SAME, 5e-3),
        Wild("bfloat16", good.astype(ml_dtypes.bfloat16), SAME, 5e-2),
    ]


def shapes(good, fits=()):
    """Other shapes; `fits` are labels of those that fit."""
    others = {
        "a scalar": good.flat[0].item(),
        "rank 0": np.array(good.flat[0]),
        "one rank more": good[None],
        "two ranks more": good[None, None],
        "one rank less": good[0],
        "one column less": good[..., :-1],
        "one row less": good[:-1],
        "no rows": good[:0],
        "no columns": good[..., :0],
        "an empty list": [],
    }
    return [Wild(k, v, ANY if k in fits else REFUSED) for k, v in others.items()]


def array(good, fits=()):
    """All of it where floats of one shape are meant."""
    pools = containers, no_arrays, other_values, half
    made = list(itertools.chain.from_iterable(pool(good) for pool in pools))
    return made + shapes(good, fits)


def labels(good, num_classes, soft=True, fits=()):
    """Where classes 0..K−1 are meant, one for each row."""
    column, one_hot = good[:, None], np.eye(num_classes, dtype="float32")[good]
    first = np.arange(len(good)) == 0

    def put(value, dtype):
        return np.where(first, value, good).astype(dtype)

    dtypes = ("int8", "uint8", "int16", "uint16", "uint32", "int64", "uint64")
    same = {dtype: good.astype(dtype) for dtype in (*dtypes, "float32")}
    wrong = {
        "-1": put(-1, "int64"),
        "K": put(num_classes, "int64"),
        "256 more": put(256 + good[0], "int64"),
        "2^32 more": put(2**32 + int(good[0]), "int64"),
        "2^64 - 1": put(2**64 - 1, "uint64"),
        "0.5": put(0.5, "float32"),
        "-0.5": put(-0.5, "float32"),
        "NaN": put(NAN, "float32"),
        "inf": put(INF, "float32"),
        "rank 3": good[:, None, None],
        "another K": np.eye(num_classes + 1)[good],
        "NaN in soft labels": np.where(one_hot > 0, NAN, one_hot),
        "negative soft labels": -one_hot,
    }
    return [
        *containers(good),
        *no_arrays(good),
        *(Wild(label, value, SAME) for label, value in same.items()),
        Wild("column", column, SAME),
        Wild("one-hot", one_hot, SAME if soft else ANY),
        *(Wild(label, value) for label, value in wrong.items()),
        *(one for one in shapes(good, fits) if one.label in (*fits, "rank 0")),
    ]
