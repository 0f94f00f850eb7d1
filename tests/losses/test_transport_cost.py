import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import transport_cost

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(7, 5)).astype("float32")
TARGETS = spa.theory.simplex_etf(3, 5, seed=1)


def formula(features, targets, epsilon, iterations):
    """Sinkhorn's scaling of rows and columns, not on logarithms; also the plan."""
    cost = np.empty((len(features), len(targets)))
    for i, h in enumerate(features):
        for j, t in enumerate(targets):
            cost[i, j] = 1 - h @ t / np.linalg.norm(h) / np.linalg.norm(t)
    kernel, b = np.exp(-cost / epsilon), np.ones(len(targets))
    for _ in range(iterations):
        a = 1 / len(features) / (kernel @ b)
        b = 1 / len(targets) / (kernel.T @ a)
    plan = a[:, None] * kernel * b
    return np.sum(plan * cost), plan


@pytest.mark.parametrize(("epsilon", "iterations"), [(1.0, 1), (1.0, 10), (0.2, 50)])
def test_matches_sinkhorns_scaling(epsilon, iterations):
    cost = transport_cost(FEATURES, TARGETS, epsilon, iterations)
    expected, _ = formula(FEATURES, TARGETS, epsilon, iterations)
    assert float(cost) == pytest.approx(expected, rel=1e-5)


def test_ten_iterations_are_exact_where_the_authors_allow_two_hundred():
    for features in (FEATURES, TARGETS[[0, 0, 0, 0, 1]]):
        cost, plan = formula(features, TARGETS, 1.0, 200)
        np.testing.assert_allclose(plan.sum(axis=1), 1 / len(features), rtol=1e-9)
        np.testing.assert_allclose(plan.sum(axis=0), 1 / 3, rtol=1e-9)
        assert float(transport_cost(features, TARGETS)) == pytest.approx(cost, rel=1e-6)


@pytest.mark.parametrize(("epsilon", "iterations"), [(1.0, 10), (0.5, 2)])
def test_gradients_match_finite_differences(epsilon, iterations):
    slopes = gradient(
        lambda h, t: transport_cost(h, t, epsilon, iterations), FEATURES, TARGETS
    )
    expected = (
        numeric_gradient(
            lambda h: formula(h, TARGETS, epsilon, iterations)[0], FEATURES
        ),
        numeric_gradient(
            lambda t: formula(FEATURES, t, epsilon, iterations)[0], TARGETS
        ),
    )
    for slope, wanted in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-5)


def test_zero_features_and_small_epsilon_are_finite():
    features = FEATURES.copy()
    features[0] = 0
    slope = gradient(lambda h: transport_cost(h, TARGETS, 0.01, 30), features)
    assert np.isfinite(slope).all()
    half = transport_cost(ops.cast(FEATURES, "float16"), TARGETS)
    assert ops.dtype(half) == "float32"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.ones(5)}, "`features` must have shape.*Received"),
        ({"features": np.ones((7, 4))}, "`features` must have shape.*Received"),
        ({"targets": np.ones(5)}, "`targets` must have shape.*Received"),
        ({"epsilon": 0}, "`epsilon` must be a positive.*Received"),
        ({"iterations": 0}, "`iterations` must be an integer of at least 1.*Received"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=f"Argument {message}"):
        transport_cost(**{"features": FEATURES, "targets": TARGETS, **change})
