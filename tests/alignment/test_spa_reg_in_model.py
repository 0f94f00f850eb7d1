"""SpAReg as the kernel_regularizer of a Functional model with a ClassMeans layer."""

import keras
import numpy as np
import pytest
from keras import ops
from reference import mean_directions, unit

from keras_spa import SpAReg
from keras_spa.layers import ClassMeans

K, D = 3, 6
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(24, 5)).astype("float32")
LABELS = np.arange(24) % K


def model_of_its_own():
    images = keras.Input((5,))
    labels = keras.Input((), dtype="int32", name="labels")
    class_means = ClassMeans(K, name="class_means")
    features = keras.layers.Dense(D, activation="tanh")(images)
    regularizer = SpAReg.paper(0.7, class_means=class_means)
    head = keras.layers.Dense(K, kernel_regularizer=regularizer, name="head")
    model = keras.Model([images, labels], head(class_means(features, labels)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def penalty(model):
    (penalty,) = model.losses
    return float(ops.convert_to_numpy(penalty))


def expected_penalty(model):
    layer, head = model.get_layer("class_means"), model.get_layer("head")
    weights = np.float64(ops.convert_to_numpy(head.kernel)).T
    means, seen = map(ops.convert_to_numpy, (layer.means, layer.seen))
    directions = mean_directions(means, seen, center=True)
    return 0.7 * np.mean([1 - unit(weights[c]) @ directions[c] for c in range(K)])


@pytest.fixture
def fitted():
    keras.utils.set_random_seed(0)
    model = model_of_its_own()
    model.fit([IMAGES, LABELS], LABELS, batch_size=8, epochs=2, verbose=0)
    return model


def test_adds_the_formula_to_the_loss(fitted):
    assert penalty(fitted) == pytest.approx(expected_penalty(fitted), rel=1e-5)
    logits = fitted.predict([IMAGES, LABELS], verbose=0)
    cross_entropy = float(ops.mean(fitted.loss(LABELS, logits)))
    total = fitted.evaluate([IMAGES, LABELS], LABELS, batch_size=24, verbose=0)
    assert total == pytest.approx(cross_entropy + penalty(fitted), rel=1e-5)


def test_fit_updates_the_class_means_and_predict_does_not(fitted):
    layer = fitted.get_layer("class_means")
    before = ops.convert_to_numpy(layer.means)
    assert np.all(before != 0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.seen), np.ones(K))
    fitted.predict([IMAGES, LABELS], verbose=0)
    fitted.evaluate([IMAGES, LABELS], LABELS, verbose=0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.means), before)


def test_fit_lowers_the_penalty(fitted):
    before = penalty(fitted)
    fitted.fit([IMAGES, LABELS], LABELS, batch_size=8, epochs=20, verbose=0)
    assert penalty(fitted) < 0.7 * before


def test_layer_and_regularizer_share_their_class_means_after_loading(fitted, tmp_path):
    fitted.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    class_means = loaded.get_layer("class_means")
    assert loaded.get_layer("head").kernel_regularizer.class_means is class_means
    assert penalty(loaded) == pytest.approx(penalty(fitted), rel=1e-6)
    loaded.fit([IMAGES, LABELS], LABELS, batch_size=8, verbose=0)
    assert penalty(loaded) == pytest.approx(expected_penalty(loaded), rel=1e-5)
