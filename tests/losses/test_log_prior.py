import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_spa.losses import log_prior

COUNTS = st.lists(st.floats(1e-300, 1e300), min_size=2, max_size=20)


@given(COUNTS)
def test_it_is_the_log_of_each_share(counts):
    prior = log_prior(counts)
    assert prior.dtype == np.float64
    shares = [count / sum(counts) for count in counts]
    np.testing.assert_allclose(np.exp(prior), shares, rtol=1e-12, atol=1e-300)
    assert np.exp(prior).sum() == pytest.approx(1)


@pytest.mark.parametrize("counts", [(900, 100), np.array([900, 100], "int16")])
def test_what_counts_may_be(counts):
    np.testing.assert_allclose(log_prior(counts), np.log([0.9, 0.1]))


def test_it_has_as_many_digits_for_rare_classes():
    """`1e-300 / 1e300` is 0, the difference of the logarithms is exact."""
    assert log_prior([1e300, 1e-300])[1] == pytest.approx(-600 * np.log(10), rel=1e-15)
