"""Numbers on the command line."""

import argparse
import math
from collections.abc import Callable
from typing import Any


def integer(low: int, high: float = math.inf) -> Callable[[str], int]:
    """A function from text to a whole number in low..high."""
    return _within(int, "a whole number", low, high)


def number(low: float, high: float = math.inf) -> Callable[[str], float]:
    """A function from text to a finite number in [low, high]."""
    return _within(float, "a number", low, high)


def _within(kind: Callable[[str], Any], name: str, low: float, high: float) -> Any:
    limits = f"of at least {low}" if high == math.inf else f"in {low}..{high}"

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"must be {name} {limits}, not {text!r}")
        return value

    return convert


share = number(0, 0.5)
seed = integer(0, 2**31 - 1)  # which all that is random can take
