"""`diagnose` in the metric of the noise, and on more features than fit."""

import json

import keras
import numpy as np
import pytest
from collapse import in_noise
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_spa as spa

K, D = 4, 6


def test_the_metric_of_the_noise(model, data):
    images, labels = data
    report = spa.diagnose(model, data, batch_size=7, verbose=0)
    hidden, last = model.layers
    features = keras.ops.convert_to_numpy(hidden(images))
    weights = keras.ops.convert_to_numpy(last.kernel).T
    expected = in_noise(features, labels, weights, np.arange(K) / 10)
    for name, values in expected.items():
        values = [values[c] for c in range(K)]
        found = getattr(report, f"{name}_per_class")
        np.testing.assert_allclose(found, values, rtol=1e-4, atol=1e-6)
    assert report.cosines == report.noise_cosine_per_class
    assert "in the metric of the noise" in report.verdict
    assert json.loads(report.to_json())["distance_per_class"] == pytest.approx(
        report.distance_per_class
    )


def test_the_optimal_classifier_is_aligned_but_not_with_plain_means(data):
    images, labels = data[0] * [0.3, 1, 1, 1, 3], np.arange(len(data[1])) % K
    means = np.stack([images[labels == c].mean(axis=0) for c in range(K)])
    batches = [(images, labels)]
    counts = np.bincount(labels)
    covariance = spa.metrics.within_class_covariance(batches, means, counts)
    covariance /= np.mean(1 - 1 / counts)
    shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / 5 * np.eye(5)
    weights, biases = spa.theory.optimal_classifier(means, shrunk)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(K)])
    model.layers[0].set_weights([weights.T, biases])
    report = spa.diagnose(model, (images, labels), verbose=0)
    assert report.metrics["noise_cosine"] == pytest.approx(1, abs=1e-5)
    assert report.metrics["noise_exponent_efficiency"] == pytest.approx(1, abs=1e-4)
    assert report.metrics["nc3_cosine"] < 0.8
    assert report.verdict.startswith("Aligned: mean cosine 1.00 of weights and optimal")


def test_one_image_a_class_falls_back_to_plain_words(model, data):
    images, labels = data
    report = spa.diagnose(model, (images[:K], np.arange(K)), verbose=0)
    assert not report.noise_known
    assert report.cosines == report.cosine_per_class
    assert "of weights and class means" in report.verdict
    assert any("No class has two images" in note for note in report.notes)
    assert "nan" not in report.verdict
    assert json.loads(report.to_json())["distance_per_class"] == [None] * K


def test_more_features_than_fit_are_sampled(model, data, monkeypatch):
    images, labels = (np.tile(part.T, 20).T for part in data)
    exact = spa.diagnose(model, (images, labels), verbose=0)
    assert exact.notes == []
    monkeypatch.setattr("keras_spa.metrics._sample.ROOM", 300 * (4 * D + 24))
    report = spa.diagnose(model, iter([(images, labels)] * 2), verbose=0)
    (note,) = report.notes
    assert "a random sample of " in note
    assert note.endswith(f" of {2 * len(labels):,} images.")
    assert report.accuracy == exact.accuracy
    for name, value in exact.metrics.items():
        near = 0.15 if name.startswith(("nc4", "noise")) else 1e-6
        assert report.metrics[name] == pytest.approx(value, rel=near, abs=near), name


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 1, -1, 1e-30, 1e30, 0.3]), min_size=90), st.data())
def test_reports_on_wild_features_can_be_read(values, data):
    N = data.draw(st.integers(3, 10))
    features, weights = np.resize(values, (N, 7)), np.resize(values[::-1], (4, 7))
    labels = np.arange(N) % data.draw(st.integers(2, 4))
    collapse = spa.metrics.NeuralCollapse(4)
    with np.errstate(all="ignore"):
        collapse.update_state(features, labels, features @ weights.T)
        accuracies = np.where(np.arange(4) < labels.max() + 1, 0.5, np.nan)
        report = spa.CollapseReport.from_collapse(
            collapse, weights, None, accuracies, list("abcd")
        )
        table = report.to_markdown()
    assert report.verdict in table
    assert "nan" not in report.verdict
    assert "inf" not in report.verdict
    json.loads(report.to_json())
    means_are_known = np.isfinite(report.metrics["noise_exponent_efficiency"])
    assert not means_are_known or report.noise_known
