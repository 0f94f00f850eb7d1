"""Gains, spreads and ranks against other people's code and sums by hand."""

import numpy as np
import pytest
from scipy import stats

from reporting import statistics


@pytest.mark.parametrize("seeds", [2, 3, 10, 11, 40])
def test_the_interval_is_that_of_the_paired_t_test(seeds):
    random = np.random.RandomState(seeds)
    before = dict(enumerate(random.normal(70, 5, seeds)))
    after = {seed: value + random.normal(1, 2) for seed, value in before.items()}
    gain = statistics.paired_gain(after, before)
    test = stats.ttest_rel([after[s] for s in before], list(before.values()))
    interval = test.confidence_interval(0.95)
    assert gain.low == pytest.approx(interval.low)
    assert gain.high == pytest.approx(interval.high)
    assert gain.mean == pytest.approx((gain.low + gain.high) / 2)
    assert gain.p_value == pytest.approx(test.pvalue)


def test_corrected_p_values_are_holms():
    # By hand: 3 × 0.01, max(0.03, 2 × 0.02), max(0.04, 1 × 0.03)
    assert statistics.holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_many_intervals_are_told_beside_what_chance_makes():
    clear, unclear = (
        statistics.gain(values) for values in ([5.0, 5.01, 4.99], [1.0, 2.0, 3.0])
    )
    barely = statistics.gain([1.0, 1.2, 1.6])  # p = 0.02
    of_one = statistics.gain([3.0])  # has no interval
    said = statistics.many_intervals([clear, barely, of_one, *[unclear] * 18])
    assert "Of these 20 intervals 2 leave 0 out" in said
    assert "about 1. Corrected" in said
    assert "1 of the gains stay significant" in said
    assert statistics.many_intervals([]) == ""


def test_only_seeds_that_both_have_are_paired():
    gain = statistics.paired_gain({0: 5.0, 1: 9.0, 7: 0.0}, {0: 4.0, 1: 7.0, 8: 99.0})
    assert gain.mean == pytest.approx(1.5)
    assert statistics.paired_gain({0: 1.0}, {1: 1.0}) is None


def test_gains_are_written_with_their_signs():
    # scipy.stats.t.interval(0.95, 2, 2.0, 1 / sqrt(3))
    assert str(statistics.gain([1.0, 2.0, 3.0])) == "+2.0 [-0.5, +4.5]"
    assert statistics.gain_text(statistics.gain([1.0])) == "+1.0"
    assert statistics.gain_text(statistics.gain([])) == "-"


def test_spreads_are_sample_deviations():
    assert statistics.mean_std([60.0, 70.0]) == "65.0 ± 7.1"
    assert statistics.mean_std([0.755], digits=2) == "0.76"
    assert statistics.mean_std([1.0, None]) == statistics.mean_std([]) == "-"


def test_ranks_of_ties_are_their_mean():
    rank = statistics.rank_correlation
    assert rank([1, 2, 3], [10, 20, 21]) == pytest.approx(1)
    # Ranks 1.5 1.5 3 4 and 4 3 1.5 1.5: covariance −4, variances 4.5.
    assert rank([0, 0, 5, 9], [8, 7, 2, 2]) == pytest.approx(-4 / 4.5)
    assert np.isnan(rank([1, 1], [1, 2]))
