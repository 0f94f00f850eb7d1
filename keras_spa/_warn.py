"""Warnings that point at the user's own line."""

import inspect
import warnings

INNER = ("keras_spa", "keras_spa_cli", "keras", "tensorflow", "jax", "torch")


def warn(message: str) -> None:
    """A `UserWarning` from the first caller outside of this package and of Keras."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in INNER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
