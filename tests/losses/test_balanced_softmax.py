import numpy as np
import pytest
from keras import ops

from keras_spa.losses import BalancedSoftmax, LogitAdjusted

COUNTS = [5000, 300, 20, 1]
K, B = len(COUNTS), 12
RNG = np.random.default_rng(0)
LOGITS = RNG.uniform(-50, 50, size=(B, K)).astype("float32")
LABELS = np.arange(B) % K


def test_it_is_logit_adjustment_with_tau_one():
    balanced, adjusted = BalancedSoftmax(COUNTS), LogitAdjusted(COUNTS, tau=1.0)
    assert float(balanced(LABELS, LOGITS)) == float(adjusted(LABELS, LOGITS))


def test_arb_loss_as_released_is_the_same():
    each = BalancedSoftmax(COUNTS, reduction=None)(LABELS, LOGITS)
    for value, y, z in zip(
        ops.convert_to_numpy(each), LABELS, np.float64(LOGITS), strict=True
    ):
        ratios = [n / COUNTS[y] * np.exp(z[c]) for c, n in enumerate(COUNTS)]
        released = -np.log(np.exp(z[y]) / sum(ratios))
        others = [n / COUNTS[y] * np.exp(z[c] - z[y]) for c, n in enumerate(COUNTS)]
        del others[y]
        assert released == pytest.approx(np.log1p(sum(others)), abs=1e-9)
        assert value == pytest.approx(released, rel=1e-5, abs=1e-5)


def test_only_the_shares_of_the_counts_matter():
    fractions = np.array(COUNTS) / 1e6
    few, many = BalancedSoftmax(fractions), BalancedSoftmax(COUNTS)
    assert float(few(LABELS, LOGITS)) == pytest.approx(float(many(LABELS, LOGITS)))


def test_counts_are_kept_as_given():
    assert BalancedSoftmax(np.array(COUNTS)).class_counts == COUNTS
