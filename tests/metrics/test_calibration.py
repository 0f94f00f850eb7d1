"""Calibration and the covariance within classes, against loops."""

import numpy as np
import pytest

import keras_spa as spa


def test_the_calibration_error_is_that_of_a_loop_over_the_bins():
    random = np.random.RandomState(0)
    logits, labels = 2 * random.randn(200, 4), random.randint(0, 4, 200)
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confidence, right = odds.max(axis=1), odds.argmax(axis=1) == labels
    expected = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            gap = abs(right[inside].mean() - confidence[inside].mean())
            expected += inside.mean() * gap
    error = spa.metrics.calibration_error(logits, labels)
    assert error == pytest.approx(expected)
    assert error > 0.05


def test_a_bin_holds_confidences_up_to_its_upper_end():
    sure, half = np.array([[1.0, 0.0]]), np.array([[0.4, 0.6]])
    inside = np.array([[0.35, 0.65]])
    for odds, place, right in ((sure, 14, 1), (half, 8, 0), (inside, 9, 0)):
        bins = spa.metrics.confidence_bins(odds, np.array([0]))
        assert bins[0].argmax() == place
        np.testing.assert_allclose(bins[:, place], [1, right, odds.max()])


def test_the_covariance_counts_classes_alike_and_takes_other_images():
    random = np.random.RandomState(1)
    labels = np.repeat([0, 1, 2], [30, 5, 0])
    features = random.randn(35, 3) * (1 + labels[:, None])
    counts, means = spa.metrics.exact_class_means([(features, labels)], 3)
    expected = np.zeros((3, 3))
    for c in (0, 1):
        apart = features[labels == c] - means[c]
        expected += apart.T @ apart / len(apart) / 2
    halves = [(features[::2], labels[::2]), (features[1::2], labels[1::2])]
    found = spa.metrics.within_class_covariance(halves, means, counts)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    moved = [(means[labels] + 2 * (features - means[labels]), labels)]
    louder = spa.metrics.within_class_covariance(moved, means, counts)
    np.testing.assert_allclose(louder, 4 * expected, atol=1e-12)
    with pytest.raises(ValueError, match="images of the classes that were counted"):
        spa.metrics.within_class_covariance([(features, 2 + 0 * labels)], means, counts)
