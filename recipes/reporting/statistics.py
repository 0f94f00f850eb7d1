"""The statistics of tables and figures: spread over seeds, paired gain, rank."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
LEAST_SEEDS = 3  # of what an overview shows


class Gain(NamedTuple):
    """Mean of paired differences, its 95 % interval, and its p-value (Student's t).

    All but the mean are NaN of a single pair.
    """

    mean: float
    low: float
    high: float
    p_value: float

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
    mean, half, p_value = float(values.mean()), float("nan"), float("nan")
    if values.size > 1:
        quantile = stats.t.ppf((1 + CONFIDENCE) / 2, values.size - 1)
        error = values.std(ddof=1) / values.size**0.5
        half = float(quantile * error)
        ratio = abs(mean) / error if error else np.inf if mean else 0.0
        p_value = float(2 * stats.t.sf(ratio, values.size - 1))
    return Gain(mean, mean - half, mean + half, p_value)


def paired_gain(after: Mapping, before: Mapping) -> Gain | None:
    """Gain of `after` over `before`, values by seed, on the seeds that both have."""
    return gain(after[key] - before[key] for key in after if key in before)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's p-values: corrected for their number, in the order given.

    The k-th smallest of m is multiplied by m - k + 1, is no smaller than those before
    it, and at most 1 (Holm, Scandinavian Journal of Statistics 1979).
    """
    order = np.argsort(p_values)
    factors = np.arange(len(order), 0, -1)
    raised = np.maximum.accumulate(np.array(p_values, dtype=float)[order] * factors)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1, raised)
    return corrected.tolist()


def many_intervals(gains: Sequence[Gain]) -> str:
    """A sentence on how many intervals leave out 0, and how many by more than chance.

    Empty of no intervals.
    """
    gains = [one for one in gains if not np.isnan(one.p_value)]
    if not gains:
        return ""
    out = sum(one.low > 0 or one.high < 0 for one in gains)
    left = sum(p < 1 - CONFIDENCE for p in holm([one.p_value for one in gains]))
    by_chance = round(len(gains) * (1 - CONFIDENCE))
    return (
        f"Of these {len(gains)} intervals {out} leave 0 out, where chance alone would "
        f"make it about {by_chance}. Corrected for their number (Holm), {left} of the "
        "gains stay significant at 5 %: read them together, not one by one."
    )


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
