"""One pass over batches against two passes of plain loops."""

import tracemalloc

import numpy as np
import pytest
from collapse import measured, sample, two_passes
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_spa as spa


@pytest.mark.parametrize(("K", "d"), [(2, 3), (4, 6), (6, 3)])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_equals_the_definitions(K, d, offset):
    arguments = sample(K, d, offset=offset)
    measures = measured(*arguments).result(*arguments[2:])
    expected = two_passes(*arguments)
    assert measures.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(measures[name], value, rtol=1e-5, atol=1e-7)


def test_the_efficiency_of_a_classifier_that_separates_the_means():
    features, labels, _, _ = sample(seed=1)
    means = np.array([features[labels == c].mean(axis=0) for c in range(4)])
    weights, biases = means + 0.1, -np.sum(means**2, axis=1) / 2
    measures = measured(features, labels, weights, biases).result(weights, biases)
    expected = two_passes(features, labels, weights, biases)
    assert 0 < measures["exponent_efficiency"] < 1
    for name, value in expected.items():
        np.testing.assert_allclose(measures[name], value, rtol=1e-5, atol=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 60), st.integers(0, 2**31 - 1))
def test_neither_batches_nor_order_matter(batch, seed):
    features, labels, weights, biases = sample()
    order = np.random.RandomState(seed).permutation(len(labels))
    a = measured(features, labels, weights, biases, batch=1000)
    b = measured(features[order], labels[order], weights, biases, batch)
    a, b = (metric.result(weights, biases) for metric in (a, b))
    for name, value in a.items():
        np.testing.assert_allclose(b[name], value, rtol=1e-9)


@pytest.mark.parametrize("K", [2, 3, 10])
def test_a_collapsed_simplex_is_collapsed(K):
    etf = spa.theory.simplex_etf(K, 12, seed=0)
    labels = np.arange(5 * K) % K
    biases = -2 * etf.sum(axis=1)  # the features are off the origin by 1
    metric = measured(5 * etf[labels] + 1, labels, 2 * etf, biases)
    with pytest.warns(UserWarning, match="Undefined: noise_cosine, noise_exp"):
        measures = metric.result(2 * etf, biases)
    for name, value in measures.items():
        ideal = 1.0 if name in ("nc3_cosine", "nc4", "exponent_efficiency") else 0.0
        ideal = np.nan if name.startswith("noise_") else ideal
        assert value == pytest.approx(ideal, abs=1e-5, nan_ok=True), name


def test_cosines_by_class_and_by_shots():
    features, labels, weights, biases = sample(seed=2)
    metric = measured(features, labels, weights, biases, class_counts=[500, 50, 20, 5])
    cosines = metric.per_class(weights)["cosine"]
    measures = metric.result(weights)
    assert measures["nc3_cosine"] == pytest.approx(cosines.mean())
    assert measures["nc3_cosine_many"] == pytest.approx(cosines[0])
    assert measures["nc3_cosine_medium"] == pytest.approx(cosines[1:3].mean())
    assert measures["nc3_cosine_few"] == pytest.approx(cosines[3])


@pytest.mark.slow
def test_many_classes_and_dimensions_need_little_memory():
    """Where an array of all pairs of classes by dimension takes 1 GiB in float32."""
    random = np.random.RandomState(0)
    metric = spa.metrics.NeuralCollapse(500)
    features, noise = random.randn(2, 250, 1024).astype("float32")
    weights = random.randn(500, 1024).astype("float32")
    tracemalloc.start()
    for start in range(0, 500, 250):
        for sign in (1, -1):
            images = features + start + sign * noise
            metric.update_state(images, np.arange(start, start + 250))
    metric.result(weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**28


def test_the_nearest_mean_is_exact_where_float32_cannot_tell():
    """Two means 1e-5 apart, and one so far away that single precision loses it."""
    near, side = np.array([1.0, 1.00001]), np.array([[0.0, 0.1], [0.0, -0.1]])
    features = np.concatenate(
        [*(side + [x, 0.0] for x in near), side + [300.0, 0.0]], axis=0
    )
    labels = np.repeat([0, 1, 2], 2)
    for decided, expected in ((labels, 1.0), (labels[::-1], 1 / 3)):
        metric = spa.metrics.NeuralCollapse(3)
        metric.update_state(features, labels, np.eye(3)[decided])
        assert metric.result()["nc4"] == pytest.approx(expected)


def test_a_batch_takes_no_memory_for_classes_that_it_lacks():
    K, d = 20_000, 50
    metric = spa.metrics.NeuralCollapse(K)
    features, labels = np.random.RandomState(0).randn(10, d), np.arange(10)
    metric.update_state(features, labels)
    tracemalloc.start()
    metric.update_state(features, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * K * d / 4
