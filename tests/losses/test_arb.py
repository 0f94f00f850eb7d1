import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops

from keras_spa.losses import ARB, BalancedSoftmax

RNG = np.random.default_rng(0)
LABELS = np.array([0, 0, 1, 0, 3, 0, 1, 0])  # nothing of class 2
K = 4
LOGITS = RNG.normal(size=(len(LABELS), K)).astype("float32")


def formula(labels, logits):
    """Image by image, with the counts of the batch."""
    counts, losses = [np.sum(labels == c) for c in range(K)], []
    for y, z in zip(labels, np.float64(logits), strict=True):
        total = sum(counts[c] / counts[y] * np.exp(z[c]) for c in range(K))
        losses.append(-np.log(np.exp(z[y]) / total))
    return np.array(losses)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def test_it_counts_the_batch():
    each = numpy(ARB(reduction=None)(LABELS, LOGITS))
    np.testing.assert_allclose(each, formula(LABELS, LOGITS), rtol=1e-5)
    part = numpy(ARB(reduction=None)(LABELS[:3], LOGITS[:3]))
    np.testing.assert_allclose(part, formula(LABELS[:3], LOGITS[:3]), rtol=1e-5)
    assert np.abs(part - each[:3]).max() > 0.1


def test_gradients_match_finite_differences():
    slope = gradient(lambda z: ARB()(LABELS, z), LOGITS)
    expected = numeric_gradient(lambda z: formula(LABELS, z).mean(), LOGITS)
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-5)
    assert np.all(slope[:, 2] == 0)  # a class that is not there is not pushed


def test_attraction_and_repulsion_of_a_weight_balance():
    """At equal logits the images of each class move a weight alike."""
    slope = gradient(lambda z: ARB("sum")(LABELS, z), np.zeros_like(LOGITS))
    assert slope[LABELS == 3, 3].sum() == pytest.approx(-7 / 8)
    assert slope[LABELS != 3, 3].sum() == pytest.approx(7 / 8)


def test_with_the_counts_of_all_it_is_balanced_softmax():
    counts = [5, 2, 1e-30, 1]
    balanced = BalancedSoftmax(counts, reduction=None)(LABELS, LOGITS)
    each = ARB(reduction=None)(LABELS, LOGITS)
    np.testing.assert_allclose(numpy(each), numpy(balanced), rtol=1e-5)


def test_mixing_within_the_batch_leaves_the_counts():
    order = RNG.permutation(len(LABELS))
    one_hot = np.eye(K)[LABELS]
    each = numpy(ARB(reduction=None)(0.7 * one_hot + 0.3 * one_hot[order], LOGITS))
    counts = [5, 2, 1e-30, 1]
    own, other = (
        numpy(BalancedSoftmax(counts, reduction=None)(y, LOGITS))
        for y in (LABELS, LABELS[order])
    )
    np.testing.assert_allclose(each, 0.7 * own + 0.3 * other, rtol=1e-5)
