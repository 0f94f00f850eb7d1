import math

import numpy as np
import pytest

from keras_spa.theory import error_exponent, error_probability, simplex_etf


def tail(t):
    return math.erfc(t / math.sqrt(2)) / 2


def random_case(seed, K=5, d=4):
    random = np.random.RandomState(seed)
    W = random.standard_normal((K, d))
    return W, W + 0.3 * random.standard_normal((K, d)), random.standard_normal(K) / 2


def rivals_of_0(normals, distances):
    """A classifier whose class 0, at the origin, has these boundaries."""
    W = np.vstack([np.zeros(len(normals[0])), normals])
    b = np.append(0.0, -np.array(distances) * np.linalg.norm(normals, axis=1))
    return W, np.zeros_like(W), b


@pytest.mark.parametrize("sigma", [10.0, 1.0, 0.2, 0.05])
def test_two_classes_are_exact(sigma):
    W = np.array([[1.0, 2.0, 0.0], [-2.0, -2.0, 0.0]])  # 5 apart
    M = np.array([[1.0, 1.0, 9.0], [-0.5, 0.0, 9.0]])
    errors = error_probability(W, M, sigma, [0.5, 0.0], samples=2)
    expected = [tail(7.5 / 5 / sigma), tail(1.0 / 5 / sigma)]
    np.testing.assert_allclose(errors.probability, expected, rtol=1e-12)
    np.testing.assert_array_equal(errors.standard_error, 0)
    assert errors.mean == pytest.approx(sum(expected) / 2, rel=1e-12)


@pytest.mark.parametrize("sigma", [3.0, 1.0, 0.3, 0.08])
def test_orthogonal_rivals_are_independent_events(sigma):
    t = np.array([1.0, 1.1, 0.9, 1.3])
    frame = np.linalg.qr(np.random.RandomState(0).standard_normal((9, 4)))[0].T
    W, M, b = rivals_of_0(np.array([[1.0], [2.0], [0.5], [3.0]]) * frame, t)
    errors = error_probability(W, M, sigma, b, samples=40000)
    # 1 − Π(1−Q), without the cancellation
    expected = -math.expm1(sum(math.log1p(-tail(x / sigma)) for x in t))
    difference = abs(errors.probability[0] - expected)
    assert difference <= 4 * errors.standard_error[0] + 1e-4 * expected
    if sigma >= 1:
        assert 0 < errors.standard_error[0] < 0.01 * expected


@pytest.mark.parametrize("sigma", [2.0, 0.5, 0.05])
def test_opposite_rivals_exclude_each_other(sigma):
    W, M, b = rivals_of_0([[1.0, 0.0], [-2.0, 0.0]], [0.5, 0.55])
    errors = error_probability(W, M, sigma, b, samples=1000)
    expected = tail(0.5 / sigma) + tail(0.55 / sigma)
    np.testing.assert_allclose(errors.probability[0], expected, rtol=1e-12)


@pytest.mark.parametrize("sigma", [2.0, 0.2, 0.05])
def test_a_rival_behind_another_adds_nothing(sigma):
    W, M, b = rivals_of_0([[1.0, 0.0], [2.0, 0.0]], [0.5, 0.51])
    errors = error_probability(W, M, sigma, b, samples=20000)
    expected = tail(0.5 / sigma)
    assert abs(errors.probability[0] - expected) <= 4 * errors.standard_error[0]
    assert errors.standard_error[0] < 0.01 * expected


def test_more_rivals_than_dimensions_and_blocks(monkeypatch):
    """K = 3 in the plane against an integral over the wedge of the right decision."""
    etf = simplex_etf(3, 2)
    sigma, samples = 0.6, 30000
    # P(h in the wedge): the angle of h to m_0 below π/3, radius integrated out.
    angles = (np.arange(20000) + 0.5) / 20000 * 2 * np.pi / 3 - np.pi / 3
    a = np.cos(angles) / sigma
    cumulative = np.array([1 - tail(x) for x in a])
    density = np.exp(-0.5 / sigma**2) / (2 * np.pi) + a * cumulative * np.exp(
        (a**2 - 1 / sigma**2) / 2
    ) / math.sqrt(2 * np.pi)
    expected = 1 - density.mean() * 2 * np.pi / 3
    monkeypatch.setattr("keras_spa.theory.probability.BLOCK", 1000)
    errors = error_probability(etf, etf, sigma, samples=samples)
    z = (errors.probability - expected) / errors.standard_error
    assert np.abs(z).max() < 4
    assert abs(errors.mean - expected) < 4 * errors.mean_standard_error
    assert errors.mean_standard_error < 0.002 * expected


@pytest.mark.parametrize("sigma", [0.5, 1.0, 4.0])
def test_agrees_with_drawing_features_and_deciding(sigma):
    W, M, b = random_case(0)
    random = np.random.RandomState(1)
    draws = 200000
    errors = error_probability(W, M, sigma, b, samples=20000)
    for y in range(len(W)):
        features = M[y] + sigma * random.standard_normal((draws, W.shape[1]))
        wrong = np.mean(np.argmax(features @ W.T + b, axis=1) != y)
        deviation = math.hypot(
            errors.standard_error[y], math.sqrt(wrong * (1 - wrong) / draws)
        )
        assert abs(errors.probability[y] - wrong) < 4.5 * deviation


def test_standard_error_is_calibrated():
    W, M, b = rivals_of_0(np.eye(3), [0.5, 0.6, 0.7])
    runs = [error_probability(W, M, 1.0, b, 200, seed) for seed in range(400)]
    estimates = np.array([run.probability for run in runs])
    claimed = np.array([run.standard_error for run in runs])
    spread = estimates.std(axis=0)
    mean_claimed = np.sqrt(np.square(claimed).mean(axis=0))
    np.testing.assert_allclose(spread, mean_claimed, rtol=0.15)
    exact = 1 - np.prod([1 - tail(t) for t in (0.5, 0.6, 0.7)])
    z = (estimates[:, 0] - exact) / claimed[:, 0]
    assert abs(z.mean()) < 4 / math.sqrt(len(z))
    assert 0.92 < np.mean(np.abs(z) < 1.96) < 0.98
    means = np.array([run.mean for run in runs])
    claims = np.array([run.mean_standard_error for run in runs])
    np.testing.assert_allclose(means.std(), claims.mean(), rtol=0.15)


@pytest.mark.parametrize("K", [3, 10])
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_falls_at_the_rate_of_the_exponent(K, turn):
    etf = simplex_etf(K, 2 * (K - 1)).astype(float)
    W = np.cos(turn) * etf + np.sin(turn) * np.roll(etf, K - 1, axis=1)
    E = error_exponent(W, etf)
    sigmas = math.sqrt(2 * E) / np.array([6.0, 8.0, 10.0, 13.0, 16.0])
    P = np.array([error_probability(W, etf, s, samples=2000).mean for s in sigmas])
    assert P[-1] < 1e-50
    # −σ² log P → E from above: Q(t) = φ(t)/t·(1 + O(t⁻²)) and t = √(2E)/σ.
    rates = -np.square(sigmas) * np.log(P)
    assert np.all(np.diff(np.abs(rates / E - 1)) < 0)
    assert abs(rates[-1] / E - 1) < 0.04
    # Without the known factor 1/t the slope is E up to 2/t⁴ at most, and sampling.
    slope = np.polyfit(sigmas**-2, -np.log(P / sigmas), 1)[0]
    assert abs(slope / E - 1) < 2 / 6**4 + 0.002


def test_is_right_however_rare_errors_are():
    for t in (11.46, 20.0, 30.0, 37.0):  # 1e-30 to 1e-300
        W, M, b = rivals_of_0(np.eye(2), [t, t])
        error = error_probability(W, M, 1.0, b, samples=100)
        assert error.probability[0] == pytest.approx(2 * tail(t), rel=1e-10)
    # Nearly parallel rivals overlap at any distance: the sampling error is not 0.
    W, M, b = rivals_of_0([[1.0, 0.0], [1.0, 1e-3]], [30.0, 30.0])
    error = error_probability(W, M, 1.0, b, samples=1000)
    assert tail(30) < error.probability[0] < 1.1 * tail(30)
    assert 0 < error.standard_error[0] < 0.02 * tail(30)
    assert error.mean_standard_error > 0
    W, M, b = rivals_of_0(np.eye(2), [50.0, 50.0])
    assert error_probability(W, M, 1.0, b).probability[0] == 0


def test_equal_rows_and_means_far_on_the_wrong_side():
    W = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, 0.0]])
    M = np.array([[1.0, 2.0], [5.0, 7.0], [90.0, 90.0]])
    errors = error_probability(W, M, 1.0, [1.0, 0.0, 0.0])
    expected = tail((2 * 1 + 2 * 2 + 1) / math.sqrt(8))
    np.testing.assert_allclose(errors.probability, [expected, 1, 1], rtol=1e-12)
    ties = error_probability(W, M, 1.0)
    np.testing.assert_array_equal(ties.probability, 1)


def test_seeds_reproduce_and_differ():
    W, M, b = random_case(0)
    first, again, other = (
        error_probability(W, M, 1.0, b, samples=500, seed=seed) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.probability, again.probability)
    np.testing.assert_array_equal(first.standard_error, again.standard_error)
    assert not np.array_equal(first.probability, other.probability)


def test_relative_standard_error_stays_below_its_bound():
    samples = 400
    for sigma in (0.02, 0.3, 2.0):
        W, M, b = random_case(0, 30, 3)
        errors = error_probability(W, M, sigma, b, samples)
        limit = math.sqrt(29 / (4 * samples)) * errors.probability
        assert np.all(errors.standard_error <= 1.2 * limit)
