import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_spa.theory import simplex_etf


def expected_products(K):
    return np.eye(K) * K / (K - 1) - 1 / (K - 1)


@settings(max_examples=80, deadline=None)
@given(
    K=st.integers(2, 60),
    more=st.integers(0, 40),
    seed=st.none() | st.integers(0, 2**32 - 1),
)
def test_rows_are_unit_vectors_at_equal_and_largest_angles(K, more, seed):
    etf = simplex_etf(K, K - 1 + more, seed)
    assert etf.shape == (K, K - 1 + more)
    assert etf.dtype == np.float32
    products = np.float64(etf) @ np.float64(etf).T
    np.testing.assert_allclose(products, expected_products(K), atol=1e-6)
    np.testing.assert_allclose(etf.sum(axis=0), 0, atol=1e-5)
    np.testing.assert_array_equal(etf, simplex_etf(K, K - 1 + more, seed))


def test_small_ones_are_those_one_can_draw():
    np.testing.assert_allclose(simplex_etf(2, 1), [[1], [-1]], rtol=1e-6)
    h = np.sqrt(3) / 2
    triangle = [[h, 0.5, 0], [-h, 0.5, 0], [0, -1, 0]]
    np.testing.assert_allclose(simplex_etf(3, 3), triangle, atol=1e-6)


def test_without_a_seed_the_last_axes_are_not_used():
    etf = simplex_etf(5, 9)
    np.testing.assert_array_equal(etf[:, 4:], 0)
    np.testing.assert_array_equal(etf[:, :4], simplex_etf(5, 4))


def test_seeds_turn_it_in_all_directions_alike():
    draws = np.array([simplex_etf(3, 3, seed) for seed in range(500)])
    assert len(np.unique(draws.round(5), axis=0)) == 500
    for c in range(3):
        np.testing.assert_allclose(draws[:, c].mean(axis=0), 0, atol=0.1)
        spread = np.einsum("nd,ne->de", draws[:, c], draws[:, c]) / 500
        np.testing.assert_allclose(spread, np.eye(3) / 3, atol=0.07)


@pytest.mark.slow
def test_a_thousand_classes():
    etf = simplex_etf(1000, 2048, seed=0)
    np.testing.assert_allclose(etf @ etf.T, expected_products(1000), atol=1e-5)


def test_too_few_dimensions_are_told_with_the_numbers():
    message = (
        "Argument `dimension` must be at least 99 for a simplex ETF of 100 classes. "
        "Received: dimension=98"
    )
    with pytest.raises(ValueError, match=message):
        simplex_etf(100, 98)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((1, 5), "num_classes"),
        ((2.0, 5), "num_classes"),
        ((True, 5), "num_classes"),
        ((2, 0), "dimension"),
        ((2, None), "dimension"),
        ((2, 5, -1), "seed"),
        ((2, 5, "0"), "seed"),
        ((2, 5, 0.5), "seed"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        simplex_etf(*arguments)
