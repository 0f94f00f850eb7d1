"""Warnings that point at the user's own line."""

import inspect
import warnings

INNER = ("keras_spa", "keras_spa_cli", "keras", "tensorflow", "jax", "torch")


class KerasSpaWarning(UserWarning):
    """What this package warns of, wherever it points."""


def warn(message: str) -> None:
    """A warning from the first caller outside of this package and of Keras."""
    frame, level = inspect.currentframe(), 1
    while frame and str(frame.f_globals.get("__name__")).partition(".")[0] in INNER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, KerasSpaWarning, stacklevel=level)
