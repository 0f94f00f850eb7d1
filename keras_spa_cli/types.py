"""Numbers on the command line."""

import argparse
import math
from collections.abc import Callable


def integer(low: int, high: float = math.inf) -> Callable[[str], int]:
    """A function from text to a whole number in low..high."""
    limits = f"of at least {low}" if high == math.inf else f"in {low}..{high}"

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(
                f"must be a whole number {limits}, not {text!r}"
            )
        return value

    return convert


def number(low: float, high: float = math.inf) -> Callable[[str], float]:
    """A function from text to a finite number in [low, high]."""
    limits = f"of at least {low:g}" if high == math.inf else f"in {low:g}..{high:g}"

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"must be a number {limits}, not {text!r}")
        return value

    return convert


share = number(0, 0.5)
