"""A classifier in the metric of the noise: cosines, exponents, signed distances."""

import numpy as np
import pytest
from collapse import in_noise, measured, sample
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

import keras_spa as spa

NAMES = ["cosine", "exponent", "noise_cosine", "noise_exponent", "distance"]


def skewed(K=5, d=6, n=400, seed=0):
    """Features in noise of very different sizes along directions of their own."""
    random = np.random.RandomState(seed)
    turn, _ = np.linalg.qr(random.randn(d, d))
    noise = random.randn(K * n, d) * np.logspace(-0.5, 0.5, d) @ turn
    labels = np.arange(K * n) % K
    return 3 * random.randn(K, d)[labels] + noise, labels


@pytest.mark.parametrize(("K", "d"), [(2, 3), (4, 6), (6, 3)])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_every_class_equals_the_formulas(K, d, offset):
    arguments = sample(K, d, offset=offset)
    found = measured(*arguments).per_class(*arguments[2:])
    assert list(found) == NAMES
    for name, expected in in_noise(*arguments).items():
        values = [expected[c] for c in range(K)]
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-8)


def test_the_optimal_classifier_is_aligned_in_the_metric_alone():
    features, labels = skewed()
    means = np.stack([features[labels == c].mean(axis=0) for c in range(5)])
    apart = features - means[labels]
    covariance = apart.T @ apart / (len(labels) - 5)
    weights, biases = spa.theory.optimal_classifier(means, covariance)
    measures = measured(features, labels, weights, biases).result(weights, biases)
    assert measures["noise_cosine"] > 0.9  # but for the shrinkage
    assert measures["nc3_cosine"] < 0.8
    assert measures["exponent_efficiency"] < 0.9
    shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / 6 * np.eye(6)
    weights, biases = spa.theory.optimal_classifier(means, shrunk)
    measures = measured(features, labels, weights, biases).result(weights, biases)
    assert measures["noise_cosine"] == pytest.approx(1, abs=1e-6)
    assert measures["noise_exponent_efficiency"] == pytest.approx(1, abs=1e-6)
    plain, biases = spa.theory.optimal_classifier(means)
    measures = measured(features, labels, plain, biases).result(plain, biases)
    assert measures["nc3_cosine"] == pytest.approx(1, abs=1e-6)
    assert measures["noise_cosine"] < 0.9


def test_two_classes_keep_the_square_of_their_cosine():
    features, labels = skewed(K=2)
    means = np.stack([features[labels == c].mean(axis=0) for c in range(2)])
    turned = (means[0] - means[1]) + np.random.RandomState(1).randn(6)
    weights = np.stack([turned, -turned])
    biases = np.array([-turned, turned]) @ means.mean(axis=0)  # the boundary halfway
    measures = measured(features, labels, weights, biases).result(weights, biases)
    assert 0.1 < measures["noise_cosine"] < 0.95
    share = measures["noise_exponent_efficiency"]
    assert share == pytest.approx(measures["noise_cosine"] ** 2)


def test_classes_count_alike_in_the_noise():
    features, labels = skewed(K=3)
    features[labels == 2] *= 5  # a class with more noise
    more = np.concatenate([features, *9 * [features[labels == 2]]])
    labels_of_more = np.concatenate([labels, np.full(len(more) - len(labels), 2)])
    weights, biases = np.random.RandomState(0).randn(3, 6), np.zeros(3)
    once = measured(features, labels, weights, biases, 100)
    often = measured(more, labels_of_more, weights, biases, 100)
    once, often = (metric.per_class(weights, biases) for metric in (once, often))
    for name in NAMES:
        rtol = 1e-3 if name == "distance" else 1e-6  # of n images, one in n is spent
        np.testing.assert_allclose(often[name], once[name], rtol=rtol)


def test_signed_distances_rank_errors_where_plain_ones_and_exponents_do_not():
    """Twelve pairs of classes, far from each other, each with noise of its own size."""
    random = np.random.RandomState(3)
    sizes = np.concatenate([random.uniform(0.2, 2, 12), np.full(12, 0.1)])
    half = np.repeat(random.uniform(0.3, 1.2, 12), 2) * np.tile([1, -1], 12)
    means = np.zeros((24, 24))
    means[np.arange(24), np.arange(24) // 2] = half
    means[np.arange(24), 12 + np.arange(24) // 2] = 30
    biases = -np.sum(means**2, axis=1) / 2 + random.uniform(-3, 3, 24)
    labels = np.arange(24 * 250) % 24
    train, test = means[labels] + sizes * random.randn(2, len(labels), 24)
    wrong = np.argmax(test @ means.T + biases, axis=1) != labels
    errors = np.bincount(labels[wrong], minlength=24) / 250
    metric = measured(train, labels, means, biases, 500)
    found = metric.per_class(means, biases)
    plain = spa.theory.boundary_distances(means, metric.means, biases)
    assert spearmanr(found["distance"], errors).statistic < -0.98
    assert spearmanr(plain, errors).statistic > -0.94
    misclassified = found["distance"] < 0  # all their exponents are 0
    assert np.count_nonzero(misclassified) >= 5
    assert np.ptp(found["noise_exponent"][misclassified]) == 0
    rank = spearmanr(found["distance"][misclassified], errors[misclassified])
    assert rank.statistic < -0.95


def test_a_class_without_images_is_nan():
    features, labels, weights, biases = sample()
    metric = measured(features[labels != 1], labels[labels != 1], weights, biases)
    kept = [0, 2, 3]
    expected = in_noise(features[labels != 1], labels[labels != 1], weights, biases)
    found = metric.per_class(weights, biases)
    for name in NAMES:
        assert np.isnan(found[name]).tolist() == [False, True, False, False]
    for name, values in expected.items():
        values = [values[c] for c in kept]
        np.testing.assert_allclose(found[name][kept], values, rtol=1e-5)
    assert metric.result(weights)["noise_cosine"] == pytest.approx(
        np.mean(found["noise_cosine"][kept])
    )


def test_cosines_by_shots_keep_their_names_if_the_noise_is_unknown():
    features, labels, weights, biases = sample()
    counts = [500, 50, 20, 5]
    metric = measured(features, labels, weights, biases, class_counts=counts)
    measures, cosines = metric.result(weights), metric.per_class(weights)
    assert measures["noise_cosine_medium"] == pytest.approx(
        cosines["noise_cosine"][1:3].mean()
    )
    metric = measured(features[-4:], np.arange(4), weights, biases, class_counts=counts)
    with pytest.warns(UserWarning, match="noise_cosine_many"):
        assert metric.result(weights).keys() == measures.keys()


def test_noise_that_is_not_known_is_said():
    features, labels, weights, biases = sample()
    single = measured(features[:4], np.arange(4), weights, biases)
    equal = (features[labels].astype("float64") + 1) / 3  # but for rounding
    equal = measured(equal, labels, weights, biases)
    assert single.notes() == [
        "No class has two images: their noise, and the metric it gives, is not known."
    ]
    (note,) = equal.notes()
    assert note.startswith("Features of a class are all equal: their noise, ")
    for metric in (single, equal):
        with pytest.warns(UserWarning, match="Undefined: noise_cosine, noise_exp.*not"):
            measures = metric.result(weights, biases)
        assert np.isnan(measures["noise_cosine"])
        assert not np.isnan(measures["nc3_cosine"])
        found = metric.per_class(weights, biases)
        assert np.isnan(found["distance"]).all()
        assert not np.isnan(found["exponent"]).any()


def test_new_images_change_the_noise():
    features, labels, weights, biases = sample()
    metric = measured(features[:20], labels[:20], weights, biases)
    metric.result(weights, biases)
    for rows in (slice(20, 40), slice(40, None)):
        logits = features[rows] @ weights.T
        metric.update_state(features[rows], labels[rows], logits)
    whole = measured(features, labels, weights, biases).per_class(weights, biases)
    for name, values in metric.per_class(weights, biases).items():
        np.testing.assert_allclose(values, whole[name], rtol=1e-6)


VALUES = np.float32([0, 1, -1, 1 / 3, 1e-30, -1e-18, 1e18, 3e30, 1e-42, 7])
WILD = st.sampled_from(VALUES.tolist())  # which float32 holds


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(2, 9), st.integers(1, 12), st.booleans())
def test_wild_features_give_numbers_in_their_ranges(data, N, d, duplicated):
    features = data.draw(arrays("float32", (N, d), elements=WILD))
    if duplicated:
        features = np.concatenate([features, features])
    labels = np.arange(len(features)) % 3
    labels[:2] = 0, 1
    weights = data.draw(arrays("float32", (3, d), elements=WILD))
    biases = data.draw(arrays("float32", 3, elements=WILD))
    metric = spa.metrics.NeuralCollapse(3)
    metric.update_state(features, labels)
    with np.errstate(all="ignore"):
        found = metric.per_class(weights, biases)
    met = np.unique(labels)
    known = not any("noise" in note for note in metric.notes())
    assert np.isnan(found["noise_cosine"][met]).any() == (not known)
    for name in ("cosine", "noise_cosine"):
        assert np.nanmax(np.abs(found[name]), initial=0) <= 1 + 1e-9
    assert np.nanmin(found["noise_exponent"], initial=0) >= 0
    if known:
        assert not np.isnan(found["distance"][met]).any()
        wrong = found["distance"][met] <= 0
        exponents = found["noise_exponent"][met]
        assert np.all((exponents == 0) | ~wrong | np.isnan(exponents))


@pytest.mark.parametrize("images", [1, 2])
def test_classes_of_few_images_do_not_shrink_the_noise(images):
    """Half of the classes have few: the distances of the others' means stay."""

    def distances(few):
        random = np.random.RandomState(0)
        labels = np.repeat(np.arange(40), [400] * 20 + [few] * 20)
        features = 4 * np.eye(40)[labels] + random.randn(len(labels), 40)
        weights, biases = np.eye(40), np.zeros(40)
        measure = measured(features, labels, weights, biases)
        return measure.per_class(weights, biases)["distance"][:20]

    assert distances(images).mean() == pytest.approx(distances(400).mean(), rel=0.06)
