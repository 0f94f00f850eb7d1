"""The running within-class covariance of `ClassMeans`, against loops."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_spa as spa
from keras_spa.layers.batch_sums import within_class_scatter

K, D = 3, 4


def batches(seed=0):
    """Three batches; class 2 is missing in the first, alone in the last."""
    random = np.random.RandomState(seed)
    labels = [np.array([0, 0, 1, 0, 1]), np.array([2, 0, 1, 2, 2]), np.array([2, 2])]
    return [(random.randn(len(y), D).astype("float32"), y) for y in labels]


def running(given, momentum=0.9, weights=None):
    """Means and covariance after all batches, one image at a time."""
    means, seen = np.zeros((K, D)), np.zeros(K)
    scatter, total = np.zeros((D, D)), 0.0
    for b, (features, labels) in enumerate(given):
        weight = np.ones(len(labels)) if weights is None else weights[b]
        sums = np.array([weight[labels == c].sum() for c in range(K)])
        for c in np.flatnonzero(sums):
            rows, w = features[labels == c], weight[labels == c]
            mean = (w[:, None] * rows).sum(axis=0) / sums[c]
            means[c] = momentum * means[c] + (1 - momentum) * mean if seen[c] else mean
            seen[c] = 1
        batch = np.zeros((D, D))
        for h, y, w in zip(features, labels, weight, strict=True):
            if sums[y]:
                apart = h - means[y]
                batch += w / sums[y] * np.outer(apart, apart) / np.count_nonzero(sums)
        if sums.any():
            scatter = 0.98 * scatter + 0.02 * batch
            total = 0.98 * total + 0.02
    return means, scatter / total


def layer(**kwargs):
    made = spa.layers.ClassMeans(K, covariance=True, **kwargs)
    made.build((None, D))
    return made


def covariance(made):
    return ops.convert_to_numpy(made.statistics.covariance)


@pytest.mark.parametrize("kind", ["integer", "column", "soft"])
def test_covariance_is_that_of_a_loop(kind):
    made = layer()
    for features, labels in batches():
        given = {
            "integer": labels,
            "column": labels[:, None],
            "soft": np.eye(K)[labels],
        }
        made(features, given[kind], training=True)
    means, expected = running(batches())
    np.testing.assert_allclose(ops.convert_to_numpy(made.means), means, atol=1e-5)
    np.testing.assert_allclose(covariance(made), expected, atol=1e-5)


def test_sample_weights_count_and_a_batch_of_weight_zero_does_not():
    weights = [np.array([1.0, 0, 2, 3, 0.5]), np.zeros(5), np.array([1.0, 2.0])]
    made = layer()
    for (features, labels), weight in zip(batches(), weights, strict=True):
        made(features, labels, weight, training=True)
    _, expected = running(batches(), weights=weights)
    np.testing.assert_allclose(covariance(made), expected, atol=1e-5)


def test_soft_labels_share_an_image_between_classes():
    features = np.random.RandomState(1).randn(6, D).astype("float32")
    labels = np.random.RandomState(2).dirichlet(np.ones(K), 6).astype("float32")
    made = layer()
    made(features, labels, training=True)
    means = (labels.T @ features) / labels.sum(axis=0)[:, None]
    expected = np.zeros((D, D))
    for h, shares in zip(features, labels, strict=True):
        for c in range(K):
            share = shares[c] / labels[:, c].sum() / K
            expected += share * np.outer(h - means[c], h - means[c])
    np.testing.assert_allclose(covariance(made), expected, atol=1e-5)


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_one_hot_labels_keep_their_digits_near_collapse(noise):
    """Not lost in what images share with other classes, which is nothing."""
    random = np.random.RandomState(0)
    labels = np.arange(60) % K
    features = 10 * random.randn(K, D)[labels] + noise * random.randn(60, D)
    features = features.astype("float32")
    results = []
    for given in (labels, np.eye(K, dtype="float32")[labels]):
        made = layer()
        made(features, given, training=True)
        results.append(covariance(made))
    np.testing.assert_allclose(results[1], results[0], atol=0.02 * noise**2)


def test_each_class_counts_alike():
    """A class of a hundred loud images, and one of two quiet ones."""
    random = np.random.RandomState(0)
    loud, quiet = 3 * random.randn(100, D), np.array([[1.0] * D, [-1.0] * D]) * 0.1
    made = layer()
    features = np.concatenate([loud, quiet]).astype("float32")
    made(features, np.repeat([0, 1], [100, 2]), training=True)
    apart = loud - loud.mean(axis=0)
    expected = (apart.T @ apart / 100 + quiet.T @ quiet / 2) / 2
    np.testing.assert_allclose(covariance(made), expected, rtol=1e-4, atol=1e-4)


def test_nothing_is_kept_unless_it_is_asked_for():
    plain = spa.layers.ClassMeans(K)
    plain.build((None, D))
    assert len(plain.weights) == 2
    with pytest.raises(ValueError, match="covariance=True"):
        _ = plain.statistics.covariance
    plain.keep_covariance()
    plain.keep_covariance()
    assert len(plain.weights) == 4
    assert spa.layers.ClassMeans.from_config(plain.get_config()).covariance is True


def test_a_spa_model_keeps_it_for_those_that_ask():
    def variables(alignment):
        backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D)])
        model = spa.SpAModel(backbone, keras.layers.Dense(K), alignment)
        return len(model.class_means.weights)

    assert variables(None) == variables(spa.SpASLERP.paper()) == 2
    assert variables([spa.SpAReg.paper(), spa.SpAProj()]) == 4
    dense = spa.layers.SpADense(K, spa.SpAReg())
    dense.build((None, D))
    assert dense.class_means.scatter is not None


def test_soft_labels_keep_their_digits_far_from_the_origin():
    random = np.random.RandomState(1)
    near = random.randn(40, D).astype("float32")
    labels = np.random.RandomState(2).dirichlet(np.ones(K), 40).astype("float32")
    results = []
    for offset in (0, 4096):
        made = layer()
        made(near + np.float32(offset), labels, training=True)
        results.append(covariance(made))
    np.testing.assert_allclose(*results, atol=5e-3)


@pytest.mark.parametrize(("saved", "loaded"), [(False, True), (True, False)])
def test_weights_files_with_and_without_it_fit_each_other(tmp_path, saved, loaded):
    def model(covariance):
        inputs, labels = keras.Input((D,)), keras.Input((), dtype="int32")
        means = spa.layers.ClassMeans(K, covariance=covariance)
        return keras.Model([inputs, labels], means(inputs, labels)), means

    (old, old_means), (new, new_means) = model(saved), model(loaded)
    features, labels = batches()[1]
    for means in (old_means, new_means):
        means(features, labels, training=True)
        features = features + 1
    old.save_weights(tmp_path / "of.weights.h5")
    new.load_weights(tmp_path / "of.weights.h5")
    for name in ("means", "seen"):
        one, other = (getattr(means, name) for means in (old_means, new_means))
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (one, other)))
    if loaded:
        assert not ops.convert_to_numpy(new_means.scatter).any()
        assert ops.convert_to_numpy(new_means.scatter_weight) == 0


@pytest.mark.parametrize("label", [-1, K, K + 7])
def test_labels_that_do_not_exist_leave_the_covariance_of_the_others(label):
    """A compiled step cannot refuse them; on JAX they would make all of it NaN."""
    features = np.random.RandomState(0).randn(6, D).astype("float32")
    labels, means = np.array([0, 0, 1, 1, 2, label]), np.zeros((K, D), "float32")
    weights = np.bincount(labels[:5], minlength=K).astype("float32")
    arrays = map(ops.convert_to_tensor, (features, labels, means, weights))
    found = within_class_scatter(*arrays)
    rest = (features[:5], labels[:5], means, weights)
    expected = within_class_scatter(*map(ops.convert_to_tensor, rest))
    np.testing.assert_allclose(*map(ops.convert_to_numpy, (found, expected)), atol=1e-6)
