"""Functions and classes of the user's that a model holds, for a copy of it."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

import keras
import numpy as np

# Keras finds its own; its layer `Add` would stand in for its operation `Add`.
FOUND = ("keras.", "keras_spa.")
PLAIN = (str, bytes, int, float, complex, type(None), np.generic, np.ndarray)
Held = dict[str, list[Any]]


def held(layer: keras.Layer) -> Held:
    """A layer, of no name, and what its attributes hold, without plain values.

    Methods are left out, of which Keras wraps some.
    """
    kind = type(layer)
    attributes = {"": layer, **vars(layer)}.items()
    return {
        name: list(_flat(value))
        for name, value in attributes
        if not (name and callable(getattr(kind, name, None)))
    }


def custom_objects(layers: Iterable[Held]) -> dict[str, Any]:
    """What Keras does not find by itself, by the names in its configurations.

    Two of one name are left out, lest one stand in for the other.
    """
    found: dict[str, Any] = {}
    twice = set()
    for thing in _things(layers):
        name = keras.saving.get_registered_name(thing)
        if found.setdefault(name, thing) is not thing:
            twice.add(name)
    return {name: thing for name, thing in found.items() if name not in twice}


@contextlib.contextmanager
def lambdas_named(layers: Iterable[Held]) -> Iterator[None]:
    """Within it lambdas have names of their own, by which the live ones are found.

    Keras would put their code into the configuration, which lacks what it refers to.
    Other threads see the names as well: copy, or save, one model at a time.
    """
    lambdas = {id(f): f for f in _values(layers) if _is_lambda(f)}.values()
    try:
        for number, function in enumerate(lambdas):
            function.__name__ = f"<lambda {number}>"
        yield
    finally:
        for function in lambdas:
            function.__name__ = "<lambda>"


def check_same(old: Held, new: Held, layer: str) -> None:
    """Raises if another thing of the same name got into the copy of a layer."""
    pairs: list[tuple[Any, Any]] = []
    for name, values in old.items():
        pairs += zip(values, new.get(name, []), strict=False)
    for one, other in pairs:
        names, origins = zip(*map(_origin, (one, other)), strict=True)
        if names[0] == names[1] and origins[0] != origins[1]:
            raise TypeError(
                f"{names[0]!r} is the name of two functions or classes, of which the "
                f"copy of layer {layer!r} got the wrong one: rename one of them"
            )


def _things(layers: Iterable[Held]) -> Iterator[Any]:
    for value in _values(layers):
        if isinstance(value, FunctionType):
            if not _is_found(value):
                yield value
        elif _has_config(value) and not type(value).__module__.startswith(FOUND):
            yield type(value)


def _values(layers: Iterable[Held]) -> Iterator[Any]:
    for layer in layers:
        for values in layer.values():
            yield from values


def _flat(value: Any, around: frozenset[int] = frozenset()) -> Iterator[Any]:
    """What lists, tuples and dictionaries hold, at any depth; else the value itself.

    Those in `around`, by their ids, hold this one: they may also be in it.
    """
    if isinstance(value, Mapping):
        parts: Iterable[Any] = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        parts = ()
        if not isinstance(value, PLAIN):
            yield value
    inner = around | {id(value)}
    for part in parts:
        if not isinstance(part, PLAIN) and id(part) not in inner:
            yield from _flat(part, inner)


def _has_config(value: Any) -> bool:
    return hasattr(value, "get_config") and not isinstance(value, type)


def _is_lambda(value: Any) -> bool:
    return isinstance(value, FunctionType) and value.__name__ == "<lambda>"


def _is_found(function: FunctionType) -> bool:
    """Whether Keras finds a function by itself, such as its activations."""
    try:
        config = keras.saving.serialize_keras_object(function)
        return keras.saving.deserialize_keras_object(config) is function
    except Exception:  # Keras raises many kinds
        return False


def _origin(thing: Any) -> tuple[str | None, Any]:
    """The name and what else tells it from others; None, None of plain values."""
    if isinstance(thing, FunctionType):
        return thing.__name__, thing.__code__
    if _has_config(thing):
        return type(thing).__name__, (type(thing).__module__, type(thing).__qualname__)
    return None, None
