import keras
import numpy as np
import pytest
from keras import ops

from keras_spa.layers import ClassMeans

K, D, MOMENTUM = 4, 3, 0.8
RNG = np.random.default_rng(0)
BATCHES = [[0, 0, 2], [2, 1, 2, 0], [1], [0, 1, 2, 2, 2]]  # class 3 never comes
FEATURES = [RNG.normal(size=(len(labels), D)) for labels in BATCHES]


def one_hot(labels):
    return np.eye(K, dtype="float32")[labels]


def soft(labels):
    return 0.7 * one_hot(labels) + 0.3 * one_hot(np.roll(labels, 1))


def state(layer):
    return ops.convert_to_numpy(layer.means), ops.convert_to_numpy(layer.seen)


def loop(batches):
    """Running means by the formula; a batch is (features, shares (B, K))."""
    means, seen = np.zeros((K, D)), np.zeros(K)
    for features, shares in batches:
        for c in range(K):
            total, weight = np.zeros(D), 0.0
            for h, share in zip(features, shares, strict=True):
                total += share[c] * h
                weight += share[c]
            if weight > 0 and seen[c]:
                means[c] = MOMENTUM * means[c] + (1 - MOMENTUM) * total / weight
            elif weight > 0:
                means[c], seen[c] = total / weight, 1
    return means, seen


@pytest.mark.parametrize(
    ("encode", "shares"),
    [
        (np.array, one_hot),
        (lambda labels: np.array(labels)[:, None], one_hot),
        (np.float32, one_hot),
        (one_hot, one_hot),
        (soft, soft),
    ],
    ids=["(B,)", "(B, 1)", "float integers", "one-hot (B, K)", "soft (B, K)"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_matches_a_loop_over_batches(encode, shares, weighted):
    layer, batches = ClassMeans(K, MOMENTUM), []
    for features, labels in zip(FEATURES, BATCHES, strict=True):
        weight = RNG.uniform(0.1, 2, len(labels)) if weighted else np.ones(len(labels))
        layer(features, encode(labels), weight if weighted else None, training=True)
        batches.append((features, weight[:, None] * shares(labels)))
        for got, expected in zip(state(layer), loop(batches), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_samples_of_weight_zero_are_not_seen():
    layer = ClassMeans(K)
    features = np.float32([[1, 2, 3], [100, 100, 100], [4, 5, 6]])
    layer(features, np.array([0, 0, 1]), np.float32([1, 0, 0]), training=True)
    means, seen = state(layer)
    np.testing.assert_array_equal(means[0], [1, 2, 3])
    np.testing.assert_array_equal(means[1:], 0)
    np.testing.assert_array_equal(seen, [1, 0, 0, 0])


def test_absent_classes_keep_their_mean_bit_for_bit():
    layer = ClassMeans(K)
    layer(FEATURES[1], np.array(BATCHES[1]), training=True)
    before, _ = state(layer)
    layer(FEATURES[2], np.array(BATCHES[2]), training=True)
    after, seen = state(layer)
    np.testing.assert_array_equal(after[[0, 2, 3]], before[[0, 2, 3]])
    assert np.all(after[1] != before[1])
    np.testing.assert_array_equal(seen, [1, 1, 1, 0])


@pytest.mark.parametrize("kwargs", [{"training": False}, {}])
def test_passes_features_on_and_updates_in_training_only(kwargs):
    layer = ClassMeans(K)
    features = FEATURES[0].astype("float32")
    result = layer(features, np.array(BATCHES[0]), **kwargs)
    np.testing.assert_array_equal(ops.convert_to_numpy(result), features)
    layer(features, training=True)  # no labels
    for array in state(layer):
        assert not np.any(array)


def test_updated_stores_nothing_until_assigned():
    layer = ClassMeans(K)
    layer.build((None, D))
    new = layer.updated(ops.convert_to_tensor(FEATURES[0]), np.array(BATCHES[0]))
    assert not np.any(state(layer)[1])
    layer.assign(new)
    for got, expected in zip(state(layer), (new.means, new.seen), strict=True):
        np.testing.assert_array_equal(got, ops.convert_to_numpy(expected))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
@pytest.mark.parametrize("encode", [np.array, soft], ids=["integer", "soft"])
def test_state_is_float32_under_every_dtype_policy(policy, encode):
    layer = ClassMeans(K, dtype=policy)
    features, labels = np.full((600, D), 300.0), [1] * 600  # their sum is 180,000
    layer(features, encode(labels), training=True)
    assert {layer.means.dtype, layer.seen.dtype} == {"float32"}
    means, seen = state(layer)
    np.testing.assert_allclose(means[1], 300.0, rtol=1e-6)
    np.testing.assert_array_equal(seen, [0, 1, 0, 0])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_labels_given_as_floats_are_not_rounded_to_another_class(policy):
    layer = ClassMeans(5000, dtype=policy)
    layer(np.ones((2, D), "float32"), np.float32([257, 4099]), training=True)
    assert np.flatnonzero(state(layer)[1]).tolist() == [257, 4099]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("soft_labels", [False, True])
def test_sums_half_precision_in_float32(dtype, soft_labels):
    layer = ClassMeans(K)
    features, labels = ops.cast(np.full((600, D), 300.0), dtype), np.tile([0, 1], 300)
    if soft_labels:
        labels = ops.cast(one_hot(labels), dtype)
    assert ops.dtype(layer(features, labels, training=True)) == dtype
    np.testing.assert_allclose(state(layer)[0][:2], 300.0, rtol=1e-6)


def test_state_is_not_trained():
    layer = ClassMeans(K)
    layer.build((None, D))
    assert layer.trainable_variables == []
    assert [v.shape for v in layer.non_trainable_variables] == [(K, D), (K,)]


def test_trains_inside_a_symbolic_model():
    features, labels = keras.Input((D,)), keras.Input((), dtype="int32")
    layer = ClassMeans(K)
    model = keras.Model([features, labels], layer(features, labels, training=True))
    assert not np.any(state(layer)[1])  # tracing sees no class
    model([FEATURES[0].astype("float32"), np.array(BATCHES[0])])
    np.testing.assert_array_equal(state(layer)[1], [1, 0, 1, 0])


def test_a_config_restores_the_layer():
    layer = ClassMeans(7, momentum=0.5, name="centres")
    config = keras.saving.serialize_keras_object(layer)
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config() == layer.get_config()
    assert (restored.num_classes, restored.momentum) == (7, 0.5)
