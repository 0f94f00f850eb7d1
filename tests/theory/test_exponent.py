from fractions import Fraction

import numpy as np
import pytest

from keras_spa.theory import (
    boundary_distances,
    error_exponent,
    exponent_efficiency,
    optimal_error_exponent,
    simplex_etf,
)


def exact_exponents(W, M, b):
    """E_y of each class by the formula, in fractions: without any rounding."""
    W, M = ([[Fraction(float(x)) for x in row] for row in rows] for rows in (W, M))
    b = [Fraction(float(x)) for x in b]
    exponents = []
    for y in range(len(W)):
        rivals = []
        for j in range(len(W)):
            if j != y:
                margin, squared = b[y] - b[j], Fraction(0)
                for k in range(len(W[0])):
                    margin += (W[y][k] - W[j][k]) * M[y][k]
                    squared += (W[y][k] - W[j][k]) ** 2
                rivals.append(float(max(0, margin) ** 2 / (2 * squared)))
        exponents.append(min(rivals))
    return exponents


def random_case(seed, K, d):
    random = np.random.RandomState(seed)
    W = random.standard_normal((K, d))
    return W, W + 0.4 * random.standard_normal((K, d)), random.standard_normal(K)


@pytest.mark.parametrize(("K", "d"), [(2, 1), (2, 5), (3, 2), (7, 3), (10, 20)])
@pytest.mark.parametrize("seed", range(4))
def test_is_the_formula_on_random_classifiers(seed, K, d):
    W, M, b = random_case(seed, K, d)
    for biases in (b, 0.1 * b):
        expected = exact_exponents(W, M, biases)
        exponents = error_exponent(W, M, biases, per_class=True)
        np.testing.assert_allclose(exponents, expected, rtol=1e-10, atol=1e-20)
        assert error_exponent(W, M, biases) == exponents.min()
    without = error_exponent(W, M, per_class=True)
    np.testing.assert_allclose(without, exact_exponents(W, M, 0 * b), rtol=1e-10)


@pytest.mark.parametrize("distance", [1e-2, 1e-5, 1e-9])
def test_rows_that_are_nearly_equal_keep_their_digits(distance):
    # Far from zero, two of them far closer to each other than to the others.
    directions = simplex_etf(4, 6).astype(float)
    apart = np.array([0.3, -0.2, 0.1, 0.5, 0.7, -0.6])
    W = 100 + directions
    W[1] = W[0] + distance * apart
    M = 2 * directions
    M[0] -= apart
    M[1] = M[0] + 3 * apart
    b = np.zeros(4)
    expected = exact_exponents(W, M, b)
    assert expected[0] > 0.1
    assert expected[1] > 0.1
    exponents = error_exponent(W, M, b, per_class=True)
    np.testing.assert_allclose(exponents, expected, rtol=1e-10)
    squared = sum((Fraction(p) - Fraction(q)) ** 2 for p, q in zip(*W[:2], strict=True))
    optimum = optimal_error_exponent(W)
    np.testing.assert_allclose(optimum, float(squared / 8), rtol=1e-10)


def test_a_mean_on_the_wrong_side_has_exponent_0():
    W = np.eye(3)
    M = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(error_exponent(W, M, per_class=True), [0, 0.25, 0.25])
    assert error_exponent(W, M) == 0


@pytest.mark.parametrize(
    ("weights", "means"),
    [
        ([[1.0], [1 + 1e-13]], [[-1.0], [1.0]]),
        ([[0.1 + 0.2, 1.0], [0.3, 1.0], [-1.0, -1.0]], [[1, 1], [-1, 1], [-1, -1]]),
    ],
)
def test_rows_that_differ_by_rounding_alone_count_as_equal(weights, means):
    """Their products with the means do not: of two classes none beats the other."""
    assert error_exponent(weights, means) == 0
    assert boundary_distances(weights, means)[:2].max() == -np.inf
    first = np.eye(len(weights))[0]
    distances = boundary_distances(weights, means, first)
    assert distances[1] == -np.inf
    assert distances[0] > 0


def test_equal_rows_are_told_apart_by_their_biases_alone():
    W = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, 0.0]])
    M = np.array([[1.0, 2.0], [5.0, 7.0], [-1.0, 0.0]])
    E = error_exponent(W, M, [1.0, 0.0, 0.0], per_class=True)
    expected = exact_exponents(W[[0, 2]], M[[0, 2]], [1, 0])
    np.testing.assert_allclose(E[[0, 2]], expected, rtol=1e-12)
    assert E[1] == 0
    np.testing.assert_array_equal(error_exponent(W, M, per_class=True)[:2], 0)
    only = error_exponent(W[:2], M[:2], [0.0, 0.1], per_class=True)
    np.testing.assert_array_equal(only, [0, np.inf])
    assert error_exponent(W[:2], M[:2], [0.0, 0.1]) == 0


@pytest.mark.parametrize("K", [2, 3, 7, 20])
def test_optimum_is_an_eighth_of_the_least_squared_distance(K):
    M = np.random.RandomState(K).standard_normal((K, 4))
    pairs = [(i, j) for i in range(K) for j in range(i)]
    expected = min(sum((M[i] - M[j]) ** 2) for i, j in pairs) / 8
    np.testing.assert_allclose(optimal_error_exponent(M), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_nearest_mean_attains_the_optimum(seed):
    M = random_case(seed, 8, 5)[1]
    biases = -np.square(M).sum(axis=1) / 2
    optimum = optimal_error_exponent(M)
    np.testing.assert_allclose(error_exponent(M, M, biases), optimum, rtol=1e-10)
    np.testing.assert_allclose(exponent_efficiency(M, M, biases), 1, rtol=1e-10)
    assert exponent_efficiency(M, M) < 1  # means of different lengths


@pytest.mark.parametrize("K", range(2, 11))
def test_aligned_simplex_etf_attains_its_optimum(K):
    etf = simplex_etf(K, K + 3, seed=K)
    expected = K / (4 * (K - 1))
    np.testing.assert_allclose(optimal_error_exponent(etf), expected, rtol=1e-6)
    np.testing.assert_allclose(error_exponent(3 * etf, etf), expected, rtol=1e-6)
    np.testing.assert_allclose(exponent_efficiency(etf, etf), 1, rtol=1e-6)


@pytest.mark.parametrize("K", [2, 3, 5, 10])
def test_no_unit_vectors_have_a_larger_optimum_than_the_simplex(K):
    random = np.random.RandomState(K)
    for _ in range(200):
        M = random.standard_normal((K, K + 1))
        M /= np.linalg.norm(M, axis=1, keepdims=True)
        assert optimal_error_exponent(M) <= K / (4 * (K - 1)) * (1 + 1e-12)


def test_equal_means_are_named():
    M = np.random.RandomState(0).standard_normal((5, 3))
    M[3] = M[1]
    assert optimal_error_exponent(M) == 0
    with pytest.raises(ValueError, match="Argument `means`.*Received equal rows 1 and"):
        exponent_efficiency(M, M)


@pytest.mark.slow
def test_a_thousand_classes_of_2048_features():
    random = np.random.RandomState(0)
    W = random.standard_normal((1000, 2048))
    W[1] = W[0] + 1e-7 * W[1]
    M = W + 0.1 * random.standard_normal(W.shape)
    b = random.standard_normal(1000)
    E = error_exponent(W, M, b, per_class=True)
    for y in (0, 1, 2, 999):
        differences = np.delete(W[y] - W, y, axis=0)
        margins = differences @ M[y] + np.delete(b[y] - b, y)
        rivals = np.maximum(margins, 0) ** 2 / 2 / np.square(differences).sum(axis=1)
        np.testing.assert_allclose(E[y], rivals.min(), rtol=1e-10)
    assert exponent_efficiency(W, M, b) == 0  # classes 0 and 1 are hardly told apart
    assert exponent_efficiency(W[1:], M[1:]) > 0.8


def test_means_that_differ_by_rounding_alone_count_as_equal():
    M = np.random.default_rng(0).normal(size=(3, 5))
    for share, optimum in ((1e-14, 0.0), (1e-9, 1e-18 * np.sum(M[0] ** 2) / 8)):
        M[1] = M[0] * (1 + share)
        assert optimal_error_exponent(M) == pytest.approx(optimum, rel=1e-6)
