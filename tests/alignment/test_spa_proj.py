import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from keras import ops
from reference import mean_directions, turning_direction, unit

from keras_spa import ClassStatistics, SpAProj

SEEN = np.array([1.0, 1.0, 0.0, 1.0, 1.0])
scenes = st.tuples(st.integers(0, 2**32 - 1), st.floats(-6, 6), st.booleans())
property_test = settings(deadline=None, max_examples=50)


def arrays(seed, exponent):
    """Gradient, weights and means (5, 4); the gradient of any order of magnitude."""
    gradient, weights, means = np.random.default_rng(seed).normal(size=(3, 5, 4))
    return np.float32(10.0**exponent * gradient), weights, means


def project(align, gradient, weights, means, seen=SEEN):
    statistics = ClassStatistics(means, seen)
    projected = align.project_gradient(gradient, weights, statistics)
    return np.float64(ops.convert_to_numpy(projected))


@pytest.mark.parametrize("gamma", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("center", [True, False])
def test_matches_the_formula(gamma, center):
    gradient, weights, means = arrays(seed=0, exponent=0)
    directions = mean_directions(means, SEEN, center)
    expected = np.float64(gradient)
    for c in np.flatnonzero(SEEN):
        g, w = np.float64(gradient[c]), unit(weights[c])
        d = turning_direction(w, directions[c])
        g_t = g - (g @ w) * w
        if g_t @ d > 0:
            g_t = g_t - (g_t @ d) * d
        expected[c] = (1 - gamma) * g_t + gamma * g
    projected = project(SpAProj.paper(gamma, center=center), gradient, weights, means)
    np.testing.assert_allclose(projected, expected, rtol=1e-4, atol=1e-6)


@property_test
@given(scenes)
def test_a_step_never_turns_a_weight_away_from_its_mean(scene):
    seed, exponent, center = scene
    gradient, weights, means = arrays(seed, exponent)
    projected = project(SpAProj.paper(0.0, center=center), gradient, weights, means)
    directions = mean_directions(means, SEEN, center)
    for c in np.flatnonzero(SEEN):
        step = -1e-4 * projected[c] / np.linalg.norm(gradient[c])
        ahead = unit(weights[c] + step) @ directions[c]
        behind = unit(weights[c] - step) @ directions[c]
        assert (ahead - behind) / 2e-4 >= -1e-4


@property_test
@given(scenes, st.floats(0, 1))
def test_scales_the_away_and_radial_parts_by_gamma_and_keeps_the_rest(scene, gamma):
    seed, exponent, center = scene
    gradient, weights, means = arrays(seed, exponent)
    projected = project(SpAProj.paper(gamma, center=center), gradient, weights, means)
    directions = mean_directions(means, SEEN, center)
    for c in np.flatnonzero(SEEN):
        w, g, p = unit(weights[c]), np.float64(gradient[c]), projected[c]
        d = turning_direction(w, directions[c])
        tolerance = 1e-4 * np.linalg.norm(g)
        away = gamma if g @ d > 0 else 1.0
        np.testing.assert_allclose(p @ d, away * (g @ d), atol=tolerance)
        np.testing.assert_allclose(p @ w, gamma * (g @ w), atol=tolerance)
        rest = g - (g @ w) * w - (g @ d) * d
        np.testing.assert_allclose(p - (p @ w) * w - (p @ d) * d, rest, atol=tolerance)


@property_test
@given(scenes, st.floats(0, 1))
def test_unseen_rows_come_back_as_they_went_in(scene, gamma):
    seed, exponent, center = scene
    gradient, weights, means = arrays(seed, exponent)
    projected = project(SpAProj.paper(gamma, center=center), gradient, weights, means)
    np.testing.assert_array_equal(projected[SEEN == 0], gradient[SEEN == 0])


def test_a_loss_scale_passes_through():
    gradient, weights, means = arrays(seed=1, exponent=0)
    plain = project(SpAProj.paper(), gradient, weights, means)
    scaled = project(SpAProj.paper(), 1024 * gradient, weights, means)
    np.testing.assert_allclose(scaled, 1024 * plain, rtol=1e-6)


def test_removes_nothing_from_a_gradient_without_a_direction_to_turn_in():
    weights = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    means = np.array([[2.0, 0.0], [-2.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    gradient = np.float32([[0, 1], [0, 1], [1, 1], [0, 1]])
    align = SpAProj.paper(gamma=0.0, center=False)
    projected = project(align, gradient, weights, means, np.ones(4))
    np.testing.assert_array_equal(projected, gradient)
