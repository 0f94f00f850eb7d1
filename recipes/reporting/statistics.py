"""The statistics of tables and figures: spread over seeds, paired gain, rank."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEAST_SEEDS = 3  # of what an overview shows


class Gain(NamedTuple):
    """Mean of paired differences, and its 95 % interval (Student's t).

    The interval is NaN of a single pair.
    """

    mean: float
    low: float
    high: float

    def interval(self, digits: int = 1) -> str:
        """ "[-0.3, +2.7]", "" of a single pair."""
        if np.isnan(self.low):
            return ""
        return f"[{self.low:+.{digits}f}, {self.high:+.{digits}f}]"

    def __str__(self) -> str:
        """ "+1.2 [-0.3, +2.7]", "+1.2" of a single pair."""
        return f"{self.mean:+.1f} {self.interval()}".strip()


def gain(differences: Iterable[float]) -> Gain | None:
    """Mean and interval of paired differences; None of none."""
    values = np.array(list(differences), dtype="float64")
    if not values.size:
        return None
    mean, half = float(values.mean()), float("nan")
    if values.size > 1:
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1)
        half = float(quantile * values.std(ddof=1) / values.size**0.5)
    return Gain(mean, mean - half, mean + half)


def paired_gain(after: Mapping, before: Mapping) -> Gain | None:
    """Gain of `after` over `before`, values by seed, on the seeds that both have."""
    return gain(after[key] - before[key] for key in after if key in before)


def gain_text(value: Gain | None) -> str:
    """A gain for a table; "-" of none."""
    return "-" if value is None else str(value)


def mean_std(values: Sequence[float | None], digits: int = 1) -> str:
    """ "64.8 ± 1.3" (sample standard deviation), "64.8" of one value, "-" of none."""
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        return "-"
    mean = f"{np.mean(numbers):.{digits}f}"
    if len(numbers) == 1:
        return mean
    return f"{mean} ± {np.std(numbers, ddof=1):.{digits}f}"


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Spearman's, ties at their mean rank; NaN if x or y are all equal."""
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return float("nan")
    return float(stats.spearmanr(x, y).statistic)
