import numpy as np
import pytest

from keras_spa.theory import (
    error_exponent,
    exponent_efficiency,
    rotated_etf_exponent,
    simplex_etf,
)

ANGLES = np.radians([0, 1, 10, 30, 45, 59.9, 60, 61, 80, 89.9, 90, 120, 179, 180])
ANGLES = np.concatenate([ANGLES, -ANGLES, ANGLES + 2 * np.pi, ANGLES - 4 * np.pi])


def rotation(K, theta):
    """Turns the span of the first K−1 axes towards the K−1 that follow."""
    eye = np.eye(K - 1)
    c, s = np.cos(theta) * eye, np.sin(theta) * eye
    return np.block([[c, s], [-s, c]])


@pytest.mark.parametrize("K", range(2, 11))
def test_weights_turned_into_an_orthogonal_copy(K):
    etf = simplex_etf(K, 2 * (K - 1))
    frame = np.linalg.qr(np.random.RandomState(K).standard_normal((2 * K, 2 * K - 2)))
    expected = [
        error_exponent(etf @ rotation(K, theta) @ frame[0].T, etf @ frame[0].T)
        for theta in ANGLES
    ]
    exponents = rotated_etf_exponent(K, ANGLES)
    np.testing.assert_allclose(exponents, expected, atol=1e-6)
    assert exponents[0] == pytest.approx(K / (4 * (K - 1)), rel=1e-15)


def test_three_weights_turned_in_their_plane():
    etf = simplex_etf(3, 2)
    expected = []
    for theta in ANGLES:
        c, s = np.cos(theta), np.sin(theta)
        expected.append(error_exponent(etf @ np.array([[c, s], [-s, c]]), etf))
    exponents = rotated_etf_exponent(3, ANGLES, plane=True)
    np.testing.assert_allclose(exponents, expected, atol=1e-6)
    assert np.all(exponents[np.abs(ANGLES - np.radians(120)) < 1.04] == 0)


@pytest.mark.parametrize("theta", np.radians([5, 20, 40]))
def test_the_plane_costs_more_at_the_same_cosines(theta):
    plane = rotated_etf_exponent(3, theta, plane=True) / rotated_etf_exponent(3, 0)
    copy = rotated_etf_exponent(3, theta) / rotated_etf_exponent(3, 0)
    assert copy == pytest.approx(np.cos(theta) ** 2)
    assert plane < copy
    etf = simplex_etf(3, 4)
    turned = etf @ rotation(3, theta)
    assert exponent_efficiency(turned, etf) == pytest.approx(copy, rel=1e-6)


def test_shapes_and_types():
    assert type(rotated_etf_exponent(5, 0.3)) is float
    assert type(rotated_etf_exponent(3, 0, plane=True)) is float
    grid = rotated_etf_exponent(5, np.full((2, 3), 0.3, "float32"))
    assert grid.shape == (2, 3)
    assert grid.dtype == np.float64
    assert rotated_etf_exponent(5, []).shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((1, 0.1), "num_classes"),
        ((2.5, 0.1), "num_classes"),
        ((4, 0.1, True), "num_classes"),
        ((3, 0.1, 1), "plane"),
        ((3, np.nan), "angle"),
        ((3, [0.1, np.inf]), "angle"),
        ((3, "0.1"), "angle"),
        ((3, None), "angle"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        rotated_etf_exponent(*arguments)
