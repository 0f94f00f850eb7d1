"""Whether what a model is compiled with takes the logits that the model gives."""

import inspect
from typing import Any

import keras

BY_NAME = ("crossentropy", "ce")  # Keras' names for what fits the labels


class LogitsNotTaken(ValueError):
    """A loss or metric takes probabilities."""


def check_takes_logits(**compiled: Any) -> None:
    """Raises if one of the losses or metrics takes probabilities."""
    for argument, given in compiled.items():
        for one in keras.tree.flatten(given):
            if one is not None and _takes_probabilities(one, argument):
                raise LogitsNotTaken(
                    f"Argument `{argument}` must take logits, which a SpAModel gives, "
                    "also of a model that ended in a softmax: such as keras."
                    f"{'losses' if argument == 'loss' else 'metrics'}."
                    "SparseCategoricalCrossentropy(from_logits=True). "
                    f"Received: {argument}={one!r}, which takes probabilities"
                )


def _takes_probabilities(given: Any, argument: str) -> bool:
    if isinstance(given, str):
        if given.lower() in BY_NAME:
            return True
        kinds = keras.losses if argument == "loss" else keras.metrics
        try:
            given = kinds.get(given)
        except ValueError:  # another name, which Keras knows or refuses
            return False
    inner = getattr(given, "loss", None)  # of losses.ClassBalanced
    if isinstance(inner, keras.losses.Loss):
        return _takes_probabilities(inner, argument)
    for name in ("from_logits", "_from_logits"):
        if hasattr(given, name):
            return getattr(given, name) is False
    if inspect.isclass(given) or not callable(given):
        return False
    try:
        parameters = inspect.signature(given).parameters
    except (TypeError, ValueError):
        return False
    default = parameters.get("from_logits")
    return default is not None and default.default is False
