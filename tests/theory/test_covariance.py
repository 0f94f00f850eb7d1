"""Theorems T6 to T8: exponents, their optimum and plain alignment in noise Σ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag

from keras_spa import theory

SEEDS = st.integers(0, 10_000)


def problem(seed, classes=4, dimension=5):
    """Weights, means, biases and a random covariance."""
    random = np.random.RandomState(seed)
    root = random.randn(dimension, dimension)
    covariance = root @ root.T + 0.05 * np.eye(dimension)
    weights, means = random.randn(2, classes, dimension)
    return weights, 3 * means, random.randn(classes), covariance


def signed_distance(weights, means, biases, covariance, y):
    """T6 by its formula, one rival at a time."""
    distances = []
    for j in range(len(weights)):
        if j != y:
            w = weights[y] - weights[j]
            margin = w @ means[y] + biases[y] - biases[j]
            distances.append(margin / np.sqrt(w @ covariance @ w))
    return min(distances)


@given(SEEDS)
def test_exponents_are_those_of_the_formula(seed):
    weights, means, biases, covariance = problem(seed)
    expected = [
        signed_distance(weights, means, biases, covariance, y)
        for y in range(len(means))
    ]
    distances = theory.boundary_distances(weights, means, biases, covariance)
    np.testing.assert_allclose(distances, expected, rtol=1e-7, atol=1e-9)
    exponents = theory.error_exponent(weights, means, biases, True, covariance)
    np.testing.assert_allclose(exponents, np.maximum(0, expected) ** 2 / 2, rtol=1e-6)


@given(SEEDS)
def test_the_optimum_is_half_the_mahalanobis_distance_and_attained(seed):
    weights, means, biases, covariance = problem(seed)
    inverse = np.linalg.inv(covariance)
    pairs = [
        (a - b) @ inverse @ (a - b) / 8 for i, a in enumerate(means) for b in means[:i]
    ]
    optimum = theory.optimal_error_exponent(means, covariance)
    assert optimum == pytest.approx(min(pairs), rel=1e-7)
    best = theory.optimal_classifier(means, covariance)
    reached = theory.error_exponent(best[0], means, best[1], covariance=covariance)
    assert reached == pytest.approx(optimum, rel=1e-6)
    other = theory.error_exponent(weights, means, biases, covariance=covariance)
    assert other < optimum
    efficiency = theory.exponent_efficiency(weights, means, biases, covariance)
    assert efficiency == pytest.approx(other / optimum)


def test_the_optimal_classifier_decides_as_linear_discriminant_analysis():
    _, means, _, covariance = problem(3)
    inverse = np.linalg.inv(covariance)
    features = 4 * np.random.RandomState(0).randn(500, 5)
    distances = [[(h - m) @ inverse @ (h - m) for m in means] for h in features]
    weights, biases = theory.optimal_classifier(means, covariance)
    logits = features @ weights.T + biases
    np.testing.assert_array_equal(logits.argmax(axis=1), np.argmin(distances, axis=1))
    differences = -np.array(distances) / 2 - logits  # one number a feature
    assert np.ptp(differences, axis=1).max() < 1e-8
    np.testing.assert_allclose(weights.sum(axis=0), 0, atol=1e-12)


@given(SEEDS)
def test_plain_alignment_keeps_the_share_of_kantorovich_at_least(seed):
    _, means, _, covariance = problem(seed)
    kept = theory.plain_alignment_efficiency(means, covariance)
    values = np.linalg.eigvalsh(covariance)
    condition = values[-1] / values[0]
    assert kept >= 4 * condition / (1 + condition) ** 2 * (1 - 1e-6)
    two = means[:2]
    difference = two[0] - two[1]
    exact = (difference @ difference) ** 2
    exact /= difference @ covariance @ difference
    exact /= difference @ np.linalg.solve(covariance, difference)
    share = theory.plain_alignment_efficiency(two, covariance)
    assert share == pytest.approx(exact, rel=1e-6)


def test_the_bound_is_reached():
    means = np.array([[1.0, 1.0], [-1.0, -1.0]])
    for condition in (1.0, 10.0, 100.0):
        share = theory.plain_alignment_efficiency(means, np.diag([condition, 1.0]))
        assert share == pytest.approx(4 * condition / (1 + condition) ** 2)


def test_the_error_probability_is_that_of_correlated_noise():
    weights, means, biases, covariance = problem(7, classes=3)
    means, sigma = means / 2, 0.7
    errors = theory.error_probability(
        weights, means, sigma, biases, samples=20_000, covariance=covariance
    )
    random = np.random.RandomState(1)
    noise = random.multivariate_normal(np.zeros(5), covariance, 40_000)
    for y, mean in enumerate(means):
        logits = (mean + sigma * noise) @ weights.T + biases
        share = np.mean(logits.argmax(axis=1) != y)
        assert errors.probability[y] == pytest.approx(share, abs=0.012)


def test_the_identity_changes_nothing():
    weights, means, biases, _ = problem(5)
    plain = theory.error_exponent(weights, means, biases, True)
    same = theory.error_exponent(weights, means, biases, True, np.eye(5))
    np.testing.assert_allclose(same, plain, rtol=1e-12)
    assert theory.plain_alignment_efficiency(means, 3 * np.eye(5)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.eye(4), r"shape \(5, 5\).*Received: covariance.shape=\(4, 4\)"),
        (np.ones(5), r"shape \(5, 5\)"),
        (np.diag([1.0, 1, 1, 1, 0]), "positive definite.*smallest eigenvalue 0"),
        # Singular, but for rounding.
        (block_diag([[0.1, 0.3], [0.3, 0.9]], np.eye(3)), "positive definite"),
        (np.eye(5) + np.triu(np.ones((5, 5)), 1), "symmetric.*by up to 1"),
        (np.full((5, 5), np.nan), "finite"),
        ([["a"] * 5] * 5, "real numbers"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, message):
    _, means, _, _ = problem(0)
    with pytest.raises(ValueError, match=message):
        theory.optimal_error_exponent(means, covariance)
