import numpy as np
import pytest
from gradients import gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import DotRegression

LABELS = np.array([0, 2, 1])


def test_an_aligned_feature_costs_nothing():
    etf = spa.theory.simplex_etf(3, 5, seed=1)
    for energy in (1.0, 4.0):
        head = spa.layers.ETFDense(3, seed=1, scale=energy)
        loss = DotRegression(energy, reduction=None)
        dots = head(7 * etf[LABELS])
        np.testing.assert_allclose(
            ops.convert_to_numpy(loss(LABELS, dots)), 0, atol=1e-6
        )


def test_only_the_dot_product_with_the_own_class_counts():
    loss, random = DotRegression(), np.random.default_rng(0)
    dots = random.uniform(-1, 1, size=(3, 3))
    others = random.uniform(-50, 50, size=(3, 3))
    others[range(3), LABELS] = dots[range(3), LABELS]
    assert float(loss(LABELS, dots)) == pytest.approx(float(loss(LABELS, others)))


def test_the_pull_on_a_unit_feature_is_that_of_the_paper():
    """The gradient by the feature is `−(1 − cos)·w_y`."""
    etf = spa.theory.simplex_etf(3, 2)
    features = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, -1.0]])
    loss = DotRegression(reduction="sum")
    pull = gradient(lambda h: loss(LABELS, ops.matmul(h, etf.T)), features)
    for row, h, y in zip(pull, features, LABELS, strict=True):
        np.testing.assert_allclose(row, -(1 - etf[y] @ h) * etf[y], atol=1e-6)


def test_descent_on_free_features_leads_to_neural_collapse():
    head, loss = spa.layers.ETFDense(3), DotRegression(reduction="sum")
    features = np.random.default_rng(0).normal(size=(3, 4))
    head.build((None, 4))
    for _ in range(100):
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        features -= 2 * gradient(lambda h: loss(LABELS, head(h)), features)
    cosines = ops.convert_to_numpy(head(features))
    expected = 1.5 * np.eye(3)[LABELS] - 0.5
    np.testing.assert_allclose(cosines, expected, atol=0.1)  # angles ~ steps^(−1/2)


@pytest.mark.parametrize("energy", [0, -1.0, float("nan"), None, True])
def test_a_bad_energy_is_named(energy):
    with pytest.raises(ValueError, match="Argument `energy` must be .*Received"):
        DotRegression(energy)
