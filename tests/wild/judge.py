"""Is a wild value taken right? It gives the right number, or an error that names it."""

import re
import signal
import time
import types
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

SAME = object()  # it means what the plain value of that argument means
ANY = object()  # it has no one right result, but must not crash: an empty batch
UNDEFINED = object()  # no finite result is right: NaN among the numbers
REFUSED = object()  # no result is right
PYTHON = object()  # no result is right, and a TypeError is what Python says
# What errors call an argument beside its name.
ALIASES = {
    "y_true": ("labels",),
    "inputs": ("Input 0",),
    "features": ("Input 0", "labels"),
    "logits": ("labels",),
    "probabilities": ("labels",),
    "batches": ("features",),
    "observed": ("features",),
    "class_counts": ("class counts",),
    "dataset": ("features", "labels"),
    "images": ("data",),  # of a pair (images, labels)
    "labels": ("data", "Labels"),
    "class_names": ("Labels",),
    "model": ("ApplyUpdate",),
}
# Of a processor's time, beyond what the plain value takes; JAX compiles each shape.
SECONDS = 5.0 if keras.backend.backend() == "jax" else 2.0
LONGEST = 120  # seconds until a call is broken off


class Wild(NamedTuple):
    """A value, what it means, and to how many digits."""

    label: str
    value: Any
    means: Any = REFUSED
    tolerance: float = 1e-5


class Subject(NamedTuple):
    """A callable under trial.

    Args:
        call: Takes the arguments by name, gives numbers, arrays, text or lists of them.
        good: A plain value of each argument.
        wild: A list of `Wild` for each argument to try.
    """

    call: Callable[..., Any]
    good: dict[str, Any]
    wild: dict[str, list[Wild]]

    def cases(self):
        for argument, values in self.wild.items():
            for one in values:
                yield argument, one


class Fresh(NamedTuple):
    """A value to be made for each call, such as a generator."""

    make: Callable[[], Any]


def called(subject, **changed):
    values = {**subject.good, **changed}
    values = {k: v.make() if isinstance(v, Fresh) else v for k, v in values.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(LONGEST)
        try:
            return subject.call(**values)
        finally:
            signal.alarm(0)


def _too_long(*args):
    raise TimeoutError


def numbers(result):
    """A result as a list of arrays and texts."""
    if isinstance(result, types.GeneratorType):
        result = list(result)
    found = []
    for leaf in keras.tree.flatten(result):
        if keras.ops.is_tensor(leaf) or isinstance(leaf, keras.Variable):
            leaf = keras.ops.convert_to_numpy(leaf)
        leaf = np.asarray(leaf)
        found.append(leaf.astype("float64") if leaf.dtype.kind in "biuf" else leaf)
    return found


def equal(found, right, tolerance):
    if len(found) != len(right):
        return False
    for one, other in zip(found, right, strict=True):
        if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
            return False
        if one.dtype.kind != "f":
            if not np.array_equal(one, other):
                return False
        elif not np.allclose(one, other, tolerance, tolerance, equal_nan=True):
            return False
    return True


def violation(subject, argument, wild):
    """What is wrong about how the value is taken, or None.

    The same call with a plain value says what is right, and how long it may take. Of
    three calls one must be as fast: the first may import pandas, or wait for others.
    """
    began = time.process_time()
    right = numbers(called(subject)) if wild.means is SAME else None
    allowed = SECONDS + (time.process_time() - began)
    for _ in range(3):
        wrong, seconds = _tried(subject, argument, wild, right)
        if wrong or seconds <= allowed:
            break
    else:
        wrong = f"takes {seconds:.1f} s"
    return wrong and f"{argument}={wild.label}: {wrong[:300]}"


def _tried(subject, argument, wild, right):
    """What is wrong about one call, or None, and the seconds it takes."""
    began = time.process_time()
    try:
        found = numbers(called(subject, **{argument: wild.value}))
    except ValueError as error:
        names = "|".join((re.escape(argument), *ALIASES.get(argument, ())))
        said = re.search(rf"\b({names})\b", str(error))
        wrong = None if said else f"is not named: {error}"
    except Exception as error:
        expected = wild.means is PYTHON and isinstance(error, TypeError)
        wrong = None if expected else f"ends in {type(error).__name__}: {error}"
    else:
        wrong = _wrong_result(found, right, wild)
    return wrong, time.process_time() - began


def _wrong_result(found, right, wild):
    if wild.means is ANY:
        return None
    if wild.means in (REFUSED, PYTHON):
        return f"is taken, and gives {str(found)[:100]}"
    if wild.means is UNDEFINED:
        floats = [leaf for leaf in found if leaf.dtype.kind == "f"]
        finite = all(np.isfinite(leaf).all() for leaf in floats)
        return f"is taken for a number: {str(found)[:100]}" if finite else None
    if equal(found, right, wild.tolerance):
        return None
    return f"gives {str(found)[:100]} instead of {str(right)[:100]}"
