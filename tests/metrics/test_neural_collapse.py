"""One pass over batches against two passes of plain loops."""

import tracemalloc

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_spa as spa


def sample(K=4, d=6, most=40, seed=0, offset=3.0):
    """Features with a common offset, labels of a long tail, weights and biases."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), spa.data.long_tail_counts(K, most, most / 3))
    random.shuffle(labels)
    means = random.randn(K, d) + offset
    features = means[labels] + 0.5 * random.randn(len(labels), d)
    weights, biases = random.randn(K, d), random.randn(K)
    return features.astype("float32"), labels, weights, biases


def two_passes(features, labels, weights, biases):
    """The definitions, class by class and image by image."""
    features = features.astype("float64")
    classes = sorted(set(labels))
    K, N = len(classes), len(labels)
    means = {c: features[labels == c].mean(axis=0) for c in classes}
    centre = sum(means.values()) / K
    within = sum(
        np.outer(h - means[y], h - means[y])
        for h, y in zip(features, labels, strict=True)
    )
    between = sum(np.outer(m - centre, m - centre) for m in means.values()) / K
    inverse = np.linalg.pinv(between, rcond=1e-9, hermitian=True)
    spread = {
        c: np.mean([np.sum((h - means[c]) ** 2) for h in features[labels == c]])
        for c in classes
    }
    pairs = [(c, j) for c in classes for j in classes if c < j]
    cosine = lambda u, v: u @ v / np.linalg.norm(u) / np.linalg.norm(v)  # noqa: E731
    centred = {c: means[c] - centre for c in classes}
    found = {
        "nc1": np.trace(within / N @ inverse) / K,
        "cdnv": np.mean(
            [
                (spread[c] + spread[j]) / (2 * np.sum((means[c] - means[j]) ** 2))
                for c, j in pairs
            ]
        ),
        "nc3_cosine": np.mean([cosine(weights[c], centred[c]) for c in classes]),
    }
    for name, rows in (("means", centred), ("weights", weights)):
        lengths = [np.linalg.norm(rows[c]) for c in classes]
        found[f"nc2_{name}_norm"] = np.std(lengths) / np.mean(lengths)
        found[f"nc2_{name}_angle"] = np.mean(
            [abs(cosine(rows[c], rows[j]) + 1 / (K - 1)) for c, j in pairs]
        )
    W = np.array([weights[c] for c in classes])
    M = np.array([centred[c] for c in classes])
    found["nc3_distance"] = np.linalg.norm(
        W / np.linalg.norm(W) - M / np.linalg.norm(M)
    )
    decisions = np.argmax(features @ weights.T + biases, axis=1)
    nearest = [
        min(classes, key=lambda c, h=h: np.sum((h - means[c]) ** 2)) for h in features
    ]
    found["nc4"] = np.mean(decisions == nearest)
    exponent = min(
        max(0, (weights[c] - weights[j]) @ means[c] + biases[c] - biases[j]) ** 2
        / (2 * np.sum((weights[c] - weights[j]) ** 2))
        for c in classes
        for j in classes
        if c != j
    )
    closest = min(np.sum((means[c] - means[j]) ** 2) for c, j in pairs)
    found["exponent_efficiency"] = exponent / (closest / 8)
    return found


def measured(features, labels, weights, biases, batch=7, **kwargs):
    metric = spa.metrics.NeuralCollapse(len(weights), **kwargs)
    logits = features @ weights.T + biases
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        metric.update_state(features[rows], labels[rows], logits[rows])
    return metric


@pytest.mark.parametrize(("K", "d"), [(2, 3), (4, 6), (6, 3)])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_equals_the_definitions(K, d, offset):
    arguments = sample(K, d, offset=offset)
    found = measured(*arguments).result(*arguments[2:])
    expected = two_passes(*arguments)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7)


def test_the_efficiency_of_a_classifier_that_separates_the_means():
    features, labels, _, _ = sample(seed=1)
    means = np.array([features[labels == c].mean(axis=0) for c in range(4)])
    weights, biases = means + 0.1, -np.sum(means**2, axis=1) / 2
    found = measured(features, labels, weights, biases).result(weights, biases)
    expected = two_passes(features, labels, weights, biases)
    assert 0 < found["exponent_efficiency"] < 1
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-7)


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
    for name, value in metric.result(2 * etf, biases).items():
        ideal = 1.0 if name in ("nc3_cosine", "nc4", "exponent_efficiency") else 0.0
        assert value == pytest.approx(ideal, abs=1e-5), name


def test_cosines_by_class_and_by_shots():
    features, labels, weights, biases = sample(seed=2)
    metric = measured(features, labels, weights, biases, class_counts=[500, 50, 20, 5])
    cosines = metric.cosines(weights)
    found = metric.result(weights)
    assert found["nc3_cosine"] == pytest.approx(cosines.mean())
    assert found["nc3_cosine_many"] == pytest.approx(cosines[0])
    assert found["nc3_cosine_medium"] == pytest.approx(cosines[1:3].mean())
    assert found["nc3_cosine_few"] == pytest.approx(cosines[3])


def test_classes_without_images_are_left_out_and_named():
    features, labels, weights, biases = sample()
    labels = np.where(labels == 2, 1, labels)
    metric = measured(features, labels, weights, biases)
    found = metric.result(weights, biases)
    for name, value in two_passes(features, labels, weights, biases).items():
        if name != "nc4":  # whose loop may decide for the missing class
            np.testing.assert_allclose(found[name], value, rtol=1e-5)
    assert np.isnan(metric.cosines(weights)).tolist() == [False, False, True, False]
    assert metric.notes() == ["Classes without images, left out: 2."]


def test_a_simplex_that_does_not_fit_is_noted():
    features, labels, weights, biases = sample(K=5, d=3)
    (note,) = measured(features, labels, weights, biases).notes()
    assert "simplex ETF of 5 classes needs 4 dimensions; with 3" in note


def test_constant_features_give_words_and_nan():
    features, labels, weights, biases = sample()
    metric = measured(np.ones_like(features) / 3, labels, weights, biases)
    with pytest.warns(UserWarning, match="Undefined: nc1, cdnv.* coincide"):
        found = metric.result(weights, biases)
    assert np.isnan(found["nc1"])
    assert np.isnan(found["exponent_efficiency"])
    assert found["nc3_cosine"] == 0
    assert 0 <= found["nc4"] <= 1


def test_two_classes_with_one_mean_are_named():
    labels = np.array([0, 0, 1, 1, 2])
    features = np.array([[1, 0], [3, 0], [2, 1], [2, -1], [0, 5]], "float32")
    metric = measured(features, labels, np.eye(3, 2), np.zeros(3))
    with pytest.warns(UserWarning, match="Classes whose means coincide: 0 and 1"):
        found = metric.result(np.eye(3, 2))
    assert np.isnan(found["cdnv"])
    assert np.isfinite(found["nc1"])


def test_zero_weights_are_named():
    features, labels, weights, biases = sample()
    weights[1] = 0
    metric = measured(features, labels, weights, biases)
    assert metric.notes(weights) == ["Classes whose weights are 0: 1."]
    assert metric.cosines(weights)[1] == 0


def test_tensors_of_any_precision_and_empty_batches():
    features, labels, weights, biases = sample()
    metric = spa.metrics.NeuralCollapse(4)
    for dtype, rows in (("bfloat16", slice(0, 20)), ("float32", slice(20, None))):
        x = keras.ops.cast(keras.ops.convert_to_tensor(features[rows]), dtype)
        metric.update_state(x, keras.ops.convert_to_tensor(labels[rows])[:, None])
    metric.update_state(features[:0], labels[:0])
    expected = two_passes(features, labels, weights, biases)
    found = metric.result(weights, biases)
    assert "nc4" not in found  # no logits were given
    assert found["nc3_cosine"] == pytest.approx(expected["nc3_cosine"], abs=0.01)
    metric.reset_state()
    with pytest.raises(ValueError, match="images of 0"):
        metric.result()


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        ([[1.0, np.nan]], [0], "finite.*batch 1 .*image 0"),
        ([[1.0, 2], [np.inf, 0]], [0, 1], "finite.*batch 1 .*image 1"),
        ([[1.0, 2, 3]], [0], r"shape \(B, 2\).*\(1, 3\) in batch 1"),
        ([1.0, 2], [0], r"shape \(B, 2\)"),
        ([[1.0, 2]], [3], "integers in 0..2"),
        ([[1.0, 2]], [0, 1], "2 labels, 1 features"),
        ([[1.0, 2]], [[1, 0, 0]], "labels.shape"),
    ],
)
def test_bad_batches_are_refused_in_words(features, labels, message):
    metric = spa.metrics.NeuralCollapse(3)
    metric.update_state([[0.0, 1.0]], [1])
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.array(features), np.array(labels))


def test_other_bad_input():
    with pytest.raises(ValueError, match="num_classes"):
        spa.metrics.NeuralCollapse(1)
    with pytest.raises(ValueError, match="one count for each of 3"):
        spa.metrics.NeuralCollapse(3, class_counts=[1, 2])
    metric = spa.metrics.NeuralCollapse(3)
    metric.update_state(np.eye(2), np.array([1, 1]))
    with pytest.raises(ValueError, match=r"images of 1 \(1\)"):
        metric.result()
    metric.update_state(np.eye(2), np.array([0, 1]))
    with pytest.raises(
        ValueError, match=r"`weights` must be finite, of shape \(3, 2\)"
    ):
        metric.result(np.eye(2))


@pytest.mark.slow
def test_many_classes_and_dimensions_need_little_memory():
    """Where an array of all pairs of classes by dimension takes 1 GiB in float32."""
    random = np.random.RandomState(0)
    metric = spa.metrics.NeuralCollapse(500)
    features = random.randn(250, 1024).astype("float32")
    weights = random.randn(500, 1024).astype("float32")
    tracemalloc.start()
    for start in range(0, 500, 250):
        metric.update_state(features + start, np.arange(start, start + 250))
    metric.result(weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**28
