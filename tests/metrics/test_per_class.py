import numpy as np
import pytest

from keras_spa.metrics import accuracy_per_class, exact_class_means

K = 4
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(40, 3))
LABELS = RNG.integers(0, K - 1, 40)  # class 3 has no images


@pytest.mark.parametrize("cuts", [[], [0, 1, 30], [40]])
def test_means_are_those_of_all_images_however_they_come(cuts):
    batches = zip(np.split(FEATURES, cuts), np.split(LABELS, cuts), strict=True)
    counts, means = exact_class_means(batches, K)
    for c in range(K - 1):
        members = [h for h, y in zip(FEATURES, LABELS, strict=True) if y == c]
        assert counts[c] == len(members)
        np.testing.assert_allclose(means[c], sum(members) / len(members), rtol=1e-12)
    assert counts[3] == 0
    np.testing.assert_array_equal(means[3], 0)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_means_are_summed_in_float64(dtype):
    features = np.full((600, 2), 300, dtype)  # their sum is 180,000
    counts, means = exact_class_means([(features, np.zeros(600, int))], 2)
    assert (counts.dtype, means.dtype) == ("float64", "float64")
    np.testing.assert_array_equal(means[0], 300)


def test_means_of_nothing_are_refused():
    with pytest.raises(ValueError, match="`batches` must hold a batch.*Received: none"):
        exact_class_means([], K)


def test_accuracy_of_each_class():
    labels = np.array([0, 0, 0, 1, 3, 3])
    predictions = np.array([0, 2, 0, 1, 0, 1])
    accuracies = accuracy_per_class(predictions, labels, K)
    np.testing.assert_allclose(accuracies, [2 / 3, 1, np.nan, 0])
