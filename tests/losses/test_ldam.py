import numpy as np
import pytest
import toys
from gradients import gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import LDAM

COUNTS = [10_000, 625, 1]


def margins(*arguments):
    return ops.convert_to_numpy(LDAM(*arguments).margins)


def test_margins_fall_with_the_fourth_root_of_the_counts():
    np.testing.assert_allclose(margins(COUNTS), [0.05, 0.1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(margins([80, 5], 0.2), [0.1, 0.2], rtol=1e-6)


def test_a_class_that_wins_by_its_margin_is_at_the_tie():
    loss = LDAM(COUNTS, reduction=None)
    cosines = np.full((3, 3), -10.0)
    for y in range(3):  # against one rival; the third class is far away
        cosines[y, [y, (y + 1) % 3]] = margins(COUNTS)[y], 0.0
    values = ops.convert_to_numpy(loss(np.arange(3), cosines))
    np.testing.assert_allclose(values, np.log(2), rtol=1e-5)


def test_the_boundary_moves_away_from_the_rare_class():
    """Two classes equally likely at x: least at z_0 − z_1 = (m_0 − m_1)/2."""
    loss = LDAM([16, 1], max_margin=0.5, scale=3.0, reduction="sum")
    labels, gap = np.array([0, 1]), (0.25 - 0.5) / 2

    def both(z):
        return loss(labels, z)

    best = np.array([[gap, 0.0], [gap, 0.0]])
    np.testing.assert_allclose(gradient(both, best).sum(axis=0), 0, atol=1e-6)
    least = float(both(best))
    for other in (gap - 0.1, gap + 0.1, 0.0):
        assert float(both(np.array([[other, 0.0]] * 2))) > least


def test_soft_labels_take_the_margin_by_share():
    loss = LDAM([1, 1], max_margin=0.4, scale=10.0)
    half = np.array([[0.5, 0.5]])
    # Equal cosines less equal shares of the margin: the tie, whatever the margin.
    assert float(loss(half, np.zeros((1, 2)))) == pytest.approx(np.log(2), rel=1e-5)
    mostly = np.array([[0.75, 0.25]])  # z = −10·(0.3, 0.1): classes differ by 2
    expected = 0.75 * np.log1p(np.exp(2)) + 0.25 * np.log1p(np.exp(-2))
    assert float(loss(mostly, np.zeros((1, 2)))) == pytest.approx(expected, rel=1e-5)


def test_it_trains_a_cosine_classifier():
    x, y = toys.data()
    head = spa.layers.CosineDense(toys.CLASSES, scale=1)
    model = spa.SpAModel(toys.backbone(), head, spa.SpAProj())
    model.compile("adam", LDAM([9, 5, 3, 1]), metrics=["accuracy"])
    losses = model.fit(x, y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
