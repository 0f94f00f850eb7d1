"""What posthoc.py says of a model's features, against plain NumPy."""

import keras
import numpy as np
import pytest

import keras_spa as spa
from engine.measures import measure

CLASSES, FEATURES = 3, 4
SPREAD = np.array([2.0, 0.5, 0.5, 0.2])  # of the noise: far from isotropic


def split(counts, seed):
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(CLASSES), counts).astype("int32")
    means = spa.theory.simplex_etf(CLASSES, FEATURES, seed=1)
    images = means[labels] + SPREAD * random.randn(len(labels), FEATURES)
    return spa.data.Split(images.astype("float32"), labels)


@pytest.fixture(scope="module")
def data():
    splits = [split([300, 60, 12], 0), split([5] * 3, 1), split([200] * 3, 2)]
    return spa.data.LongTailedData("clusters", *splits, class_names=tuple("abc"))


def classifier(*biases):
    """One of the images themselves."""
    backbone = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Identity()])
    model = spa.SpAModel(backbone, keras.layers.Dense(CLASSES))
    kernel = spa.theory.simplex_etf(CLASSES, FEATURES, seed=1).T
    model.classifier.set_weights([kernel, np.array(biases)])
    return model


@pytest.fixture(scope="module")
def model():
    return classifier(0.1, 0, -0.1)


def noise(images, labels, means):
    """Mean over the classes of the covariance about their means, and its shrinkage."""
    each = [np.zeros((FEATURES, FEATURES)) for _ in range(CLASSES)]
    for image, label in zip(images, labels, strict=True):
        apart = image - means[label]
        each[label] += np.outer(apart, apart) / np.sum(labels == label)
    covariance = sum(each) / CLASSES
    return 0.9 * covariance + 0.1 * np.trace(covariance) / FEATURES * np.eye(FEATURES)


def accuracy(weights, biases, images, labels):
    decisions = np.argmax(images @ weights.T + biases, axis=1)
    return 100 * np.mean([np.mean(decisions[labels == c] == c) for c in range(CLASSES)])


def test_measures_are_those_of_the_formulas(model, data):
    found = measure(model, data)
    assert (found["images"], found["fewest"]) == (124, 12)
    images, labels = data.train.images.astype("float64"), data.train.labels
    means = np.stack([images[labels == c].mean(axis=0) for c in range(CLASSES)])
    covariance = noise(images, labels, means)
    values = np.linalg.eigvalsh(covariance)
    kappa = values.max() / values.min()
    assert found["condition"] == pytest.approx(kappa, rel=1e-4)
    assert found["plain bound"] == pytest.approx(4 * kappa / (1 + kappa) ** 2, rel=1e-4)
    kept = spa.theory.plain_alignment_efficiency(means, covariance)
    assert found["plain efficiency"] == pytest.approx(kept, rel=1e-4)
    assert found["plain bound"] <= found["plain efficiency"] < 1
    plain = accuracy(means, -np.sum(means**2, axis=1) / 2, *data.test)
    centred = means - means.mean(axis=0)
    weights = centred @ np.linalg.inv(covariance)
    biases = -np.sum(weights * centred, axis=1) / 2 - weights @ means.mean(axis=0)
    best = accuracy(weights, biases, *data.test)
    assert found["plain optimum"] == pytest.approx(plain)
    assert found["noise optimum"] == pytest.approx(best)
    assert best > plain + 5  # which is what the metric is for
    logits = model.predict(data.train.images, verbose=0)
    right = np.mean(logits.argmax(axis=1) == labels)
    assert found["training"] == pytest.approx(100 * right)
    report = spa.diagnose(model, tuple(data.train), verbose=0)
    assert found["noise cosine"] == pytest.approx(report.metrics["noise_cosine"])
    assert found["cosine"] == pytest.approx(report.metrics["nc3_cosine"])
    shares = np.mean(report.noise_exponent_per_class)
    assert found["noise exponent"] == pytest.approx(shares)
    assert found["noise exponent"] != found["exponent"]


def test_no_class_counts_more_than_the_optimum(data):
    model = classifier(2, 0, -2)
    shares = spa.diagnose(model, tuple(data.train), verbose=0).noise_exponent_per_class
    assert max(shares) > 1
    found = measure(model, data)["noise exponent"]
    assert found == pytest.approx(np.minimum(shares, 1).mean())


def test_noise_is_that_of_augmented_images_about_clean_means(model, data):
    def wider(images):
        return 2 * images

    images, labels = data.train.images.astype("float64"), data.train.labels
    means = np.stack([images[labels == c].mean(axis=0) for c in range(CLASSES)])
    values = np.linalg.eigvalsh(noise(2 * images, labels, means))
    found = measure(model, data, wider)
    kappa = values.max() / values.min()
    assert found["condition"] == pytest.approx(kappa, rel=1e-4)
    assert found["nc1"] == measure(model, data)["nc1"]
