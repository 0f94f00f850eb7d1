"""The bounded sample of features, and what is measured on it."""

import tracemalloc

import numpy as np
import pytest
from collapse import measured, two_passes

import keras_spa as spa

ROOM = "keras_spa.metrics._sample.ROOM"


@pytest.fixture
def room(monkeypatch):
    """Sets how many features of a dimension fit."""
    return lambda rows, d: monkeypatch.setattr(ROOM, rows * (4 * d + 24))


def filled(labels, batch=50):
    """A sample of features that are the numbers of the images."""
    sample = spa.metrics.NeuralCollapse(int(labels.max()) + 1)._sample
    for start in range(0, len(labels), batch):
        rows = np.arange(start, min(start + batch, len(labels)))
        sample.add(rows[:, None].astype("float64"), labels[rows] + 100, labels[rows])
    return sample


def kept(sample):
    features, decisions, labels = map(np.concatenate, zip(*sample.parts(), strict=True))
    np.testing.assert_array_equal(decisions, labels + 100)
    return features[:, 0].astype(int), labels


def test_all_is_kept_that_fits(room):
    room(200, 1)
    labels = np.arange(200) % 3
    sample = filled(labels)
    images, of = kept(sample)
    assert sample.quota is None
    np.testing.assert_array_equal(images, np.arange(200))
    np.testing.assert_array_equal(of, labels)
    np.testing.assert_array_equal(sample.counts(), [67, 67, 66])


@pytest.mark.parametrize("by_class", [False, True])
def test_each_class_keeps_all_or_the_quota(room, by_class):
    room(300, 1)
    counts = np.array([2000, 500, 40, 5, 1])
    labels = np.repeat(np.arange(5), counts)
    if not by_class:
        np.random.RandomState(0).shuffle(labels)
    sample = filled(labels)
    images, of = kept(sample)
    np.testing.assert_array_equal(labels[images], of)
    assert len(set(images)) == len(images)
    np.testing.assert_array_equal(sample.counts(), np.minimum(counts, sample.quota))
    assert 150 < len(images) <= 300
    np.testing.assert_array_equal(kept(sample)[0], images)  # looking changes nothing


@pytest.mark.parametrize("by_class", [False, True])
def test_early_and_late_images_are_kept_alike(room, by_class):
    room(1000, 1)
    labels = np.sort(np.arange(20_000) % 2) if by_class else np.arange(20_000) % 2
    images, of = kept(filled(labels))
    for c in range(2):
        places = np.searchsorted(np.flatnonzero(labels == c), images[of == c])
        tenths = np.bincount(places // 1000, minlength=10)
        mean = len(places) / 10
        assert np.all(np.abs(tenths - mean) < 4 * np.sqrt(mean))


def test_a_few_of_each_class_are_kept_in_any_case(room):
    room(10, 1)
    sample = filled(np.arange(600) % 100)
    assert np.all(sample.counts() >= 2)
    assert sample.counts().sum() <= 400


def many(n=20_000, K=4, d=5):
    random = np.random.RandomState(0)
    counts = np.round(n * np.array([0.7, 0.2, 0.09, 0.01])).astype(int)
    labels = np.repeat(np.arange(K), counts)
    random.shuffle(labels)
    noise = random.randn(len(labels), d) * np.logspace(-0.5, 0.5, d)
    features = (2 * random.randn(K, d)[labels] + noise).astype("float32")
    return features, labels, random.randn(K, d), random.randn(K)


def test_measures_of_a_sample_are_near_the_exact_ones(room):
    features, labels, weights, biases = arguments = many()
    exact = measured(*arguments, batch=500)
    room(2000, 5)
    few = measured(*arguments, batch=500)
    images = len(labels)
    assert exact.notes() == []
    (note,) = few.notes()
    size = few._sample.counts().sum()
    assert 1000 < size <= 2000
    assert note.endswith(f" a random sample of {size:,} of {images:,} images.")
    measures, sampled = (m.result(weights, biases) for m in (exact, few))
    assert measures.keys() == sampled.keys()
    for name, value in measures.items():
        if name == "nc4":
            assert sampled[name] == pytest.approx(value, abs=0.04)
            assert sampled[name] != value
        elif name.startswith("noise"):
            assert sampled[name] == pytest.approx(value, rel=0.05, abs=0.02)
        else:
            assert sampled[name] == value, name
    expected, found = (m.per_class(weights, biases) for m in (exact, few))
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0.1, atol=0.02)


def test_agreement_on_a_sample_counts_images_not_classes(room):
    """The classifier takes the nearest mean but for the head class, which it misses."""
    labels = np.repeat([0, 1], [9000, 1000])
    features = np.random.RandomState(0).randn(10_000, 3) + 20 * labels[:, None]
    room(500, 3)
    biases = np.array([-1e9, 0.0])
    nc4 = measured(features, labels, np.eye(2, 3), biases, batch=100).result()["nc4"]
    assert nc4 == pytest.approx(0.1, abs=1e-12)


def test_within_the_room_nothing_is_sampled(room):
    features, labels, weights, biases = arguments = many(400)
    room(len(labels), 5)
    measures = measured(*arguments).result(weights, biases)
    for name, value in two_passes(*arguments).items():
        np.testing.assert_allclose(measures[name], value, rtol=1e-5, atol=1e-7)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(ROOM, 2**22)
    metric = spa.metrics.NeuralCollapse(10)
    random = np.random.RandomState(0)
    tracemalloc.start()
    for _ in range(60):  # 15 MiB of features
        features = random.randn(500, 128).astype("float32")
        metric.update_state(features, random.randint(0, 10, 500))
    metric.result(np.ones((10, 128)) + np.eye(10, 128))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
