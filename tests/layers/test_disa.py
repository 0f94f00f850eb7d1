import keras
import numpy as np
import pytest
import toys
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.layers import DisA

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(1.0, 2.0, size=(9, 5)).astype("float32")


def formula(features, etf, strength, standardize=True):
    if standardize:
        variance = np.mean((features - features.mean(axis=0)) ** 2, axis=0)
        features = (features - features.mean(axis=0)) / np.sqrt(variance + 1e-5)
    directions = features / np.linalg.norm(features, axis=1, keepdims=True)
    cost = 1 - directions @ etf.T
    kernel, b = np.exp(-cost), np.ones(len(etf))
    for _ in range(10):
        a = 1 / len(features) / (kernel @ b)
        b = 1 / len(etf) / (kernel.T @ a)
    return strength * np.sum(a[:, None] * kernel * b * cost)


def built(**kwargs):
    layer = DisA(4, **kwargs)
    layer.build((None, 5))
    return layer


def loss_of(layer, features):
    layer(features, training=True)
    (loss,) = layer.losses
    return loss


def test_features_pass_unchanged_and_inference_adds_nothing():
    layer = built()
    for training in (True, False):
        features = layer(FEATURES, training=training)
        np.testing.assert_array_equal(ops.convert_to_numpy(features), FEATURES)
    assert layer.losses == []


@pytest.mark.parametrize("standardize", [True, False])
def test_the_loss_is_the_formula_and_so_is_its_gradient(standardize):
    layer = built(strength=0.7, standardize=standardize, seed=3)
    etf = spa.theory.simplex_etf(4, 5, seed=3)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.etf), etf)
    expected = formula(FEATURES, etf, 0.7, standardize)
    assert float(loss_of(layer, FEATURES)) == pytest.approx(expected, rel=1e-5)
    slope = gradient(lambda h: loss_of(layer, h), FEATURES)
    wanted = numeric_gradient(lambda h: formula(h, etf, 0.7, standardize), FEATURES)
    np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-5)


def test_it_adds_to_the_loss_of_a_model_that_aligns():
    x, y = toys.data()

    def model(strength):
        backbone = keras.Sequential([*toys.backbone().layers, built(strength=strength)])
        backbone.build((None, toys.INPUTS))
        head = toys.dense(toys.FEATURES, toys.CLASSES)
        made = spa.SpAModel(backbone, head, spa.SpAProj(0.4))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        made.compile(keras.optimizers.SGD(0.1), loss)
        return made

    with_it, without = model(0.7), model(0.0)
    features = ops.convert_to_numpy(with_it.backbone(x))
    etf = ops.convert_to_numpy(with_it.backbone.layers[-1].etf)
    losses = [
        m.train_on_batch(x, y, return_dict=True)["loss"] for m in (with_it, without)
    ]
    assert losses[0] - losses[1] == pytest.approx(formula(features, etf, 0.7), rel=1e-4)
    evaluated = with_it.evaluate(x, y, verbose=0)
    logits = with_it.predict(x, verbose=0)
    assert evaluated == pytest.approx(float(without.loss(y, logits)), rel=1e-5)


def test_descent_spreads_features_over_the_vertices():
    """Free features of one class alone go to all vertices alike."""
    layer = built(strength=1.0, standardize=False, epsilon=0.05, iterations=20)
    features, etf = RNG.normal(size=(8, 5)), ops.convert_to_numpy(layer.etf)
    for _ in range(40):
        features -= 5 * gradient(lambda h: loss_of(layer, h), features)
    cosines = features @ etf.T / np.linalg.norm(features, axis=1, keepdims=True)
    assert cosines.max(axis=1).min() > 0.95
    assert np.bincount(cosines.argmax(axis=1)).tolist() == [2, 2, 2, 2]


def test_it_survives_saving(tmp_path):
    backbone = keras.Sequential([*toys.backbone().layers, DisA(4, 0.5, seed=None)])
    model = spa.SpAModel(backbone, toys.dense(toys.FEATURES, toys.CLASSES))
    x, y = toys.data()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    toys.assert_same_state(loaded, model, atol=0, rtol=0)
    model.reset_metrics()  # older releases of Keras go on with the mean of `fit`
    loss = loaded.train_on_batch(x, y, return_dict=True)["loss"]
    assert loss == pytest.approx(model.train_on_batch(x, y, return_dict=True)["loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "num_classes"),
        ({"strength": -0.1}, "strength"),
        ({"epsilon": 0}, "epsilon"),
        ({"iterations": 0}, "iterations"),
        ({"standardize": 1}, "standardize"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"Argument `{message}` must be .*Received"):
        DisA(**{"num_classes": 4, **arguments})


@pytest.mark.parametrize("shape", [(None, 2), (None, None), (None, 2, 5)])
def test_features_that_do_not_fit_are_named(shape):
    with pytest.raises(ValueError, match="Argument `features` must have .*Received"):
        DisA(4).build(shape)
