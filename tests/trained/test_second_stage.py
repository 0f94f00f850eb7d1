"""Retrained, scaled and normalised heads against loops written from the formulas."""

import keras
import numpy as np
import pytest
from heads import COUNTS, RATE, STEPS, classifier, clusters, features_of, trained
from keras import ops
from scipy.special import softmax

import keras_spa as spa
from keras_spa.trained import normalize_head, retrain_head
from keras_spa.trained import scale_head as learn_scales


def sgd():
    return keras.optimizers.SGD(RATE)


ALL_AT_ONCE = {"sampling": "instance", "batch_size": sum(COUNTS), "steps": STEPS}


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_retraining_is_gradient_descent_on_features_of_mean_square_1(scale):
    model, (x, y) = trained(scale), clusters()
    h = features_of(model, x)
    h = h / np.sqrt(np.mean(h**2))
    initial = ops.convert_to_numpy(keras.initializers.GlorotUniform(3)((5, 3)))
    w, b = initial.T.astype("float64"), np.zeros(3)
    for _ in range(STEPS):
        error = (softmax(h @ w.T + b, axis=1) - np.eye(3)[y]) / len(y)
        w, b = w - RATE * error.T @ h, b - RATE * error.sum(axis=0)
    new = retrain_head(model, (x, y), optimizer=sgd(), seed=3, verbose=0, **ALL_AT_ONCE)
    logits = ops.convert_to_numpy(new(x))
    np.testing.assert_allclose(logits, h @ w.T + b, rtol=1e-4, atol=1e-5)


def test_batches_are_those_of_the_order_epoch_after_epoch():
    """Two models by one optimizer object, which stays as it was given."""
    model, (x, y) = trained(), clusters()
    optimizer, batch, steps = sgd(), 20, 11  # 2.6 epochs
    h = features_of(model, x)
    h = h / np.sqrt(np.mean(h**2))
    orders = [spa.data.epoch_order(y, e, 3, "class_balanced") for e in range(3)]
    initial = ops.convert_to_numpy(keras.initializers.GlorotUniform(3)((5, 3)))
    w, b = initial.T.astype("float64"), np.zeros(3)
    for rows in np.concatenate(orders)[: batch * steps].reshape(steps, batch):
        error = (softmax(h[rows] @ w.T + b, axis=1) - np.eye(3)[y[rows]]) / batch
        w, b = w - RATE * error.T @ h[rows], b - RATE * error.sum(axis=0)
    some = {"batch_size": batch, "steps": steps, "seed": 3, "verbose": 0}
    for _ in range(2):
        new = retrain_head(model, (x, y), optimizer=optimizer, **some)
        logits = ops.convert_to_numpy(new(x))
        np.testing.assert_allclose(logits, h @ w.T + b, rtol=1e-4, atol=1e-5)
    assert not optimizer.built


def test_scales_are_learnt_by_gradient_descent():
    model, (x, y) = trained(), clusters()
    z = ops.convert_to_numpy(model(x)).astype("float64")
    f = np.ones(3)
    for _ in range(STEPS):
        error = (softmax(f * z, axis=1) - np.eye(3)[y]) / len(y)
        f = f - RATE * (error * z).sum(axis=0)
    assert np.abs(f - 1).max() > 0.02
    new = learn_scales(model, (x, y), optimizer=sgd(), verbose=0, **ALL_AT_ONCE)
    np.testing.assert_allclose(ops.convert_to_numpy(new(x)), f * z, rtol=1e-4)


@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_class_balanced_batches_forget_the_prior(function):
    """Two classes apart by one standard deviation, 50 to 1: the boundary moves back."""
    random = np.random.RandomState(0)
    y = np.repeat([0, 1], [5000, 100])
    x = (random.randn(len(y), 1) + np.array([[-0.5], [0.5]])[y]).astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.array([[-1.0, 1.0]]), np.array([1.5, 0.0])])

    def recall(model):
        decisions = np.argmax(ops.convert_to_numpy(model(x)), axis=1)
        return [np.mean(decisions[y == c] == c) for c in (0, 1)]

    before = recall(model)
    balanced = recall(function(model, (x, y), verbose=0))
    instance = recall(function(model, (x, y), sampling="instance", verbose=0))
    assert instance[1] + 0.1 < before[1] < balanced[1] - 0.1
    assert np.abs(np.subtract(*balanced)) < 0.2


@pytest.mark.long
@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_a_class_without_images_is_not_unlearnt(function):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    x, y = np.zeros((4, 1)), np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="every class.*no images of 2"):
        function(model, (x, y), steps=2, verbose=0)
    with pytest.raises(ValueError, match="`held_out`.*every class.*no images of 2"):
        normalize_head(model, (x, y), verbose=0)


def test_an_alignment_is_at_work_while_the_head_is_retrained():
    model, data = trained(), clusters()
    slerp = spa.SpASLERP.paper(1.0, 1.0, center=True)
    cosines = [
        spa.diagnose(retrain_head(model, data, a, verbose=0), data, verbose=0)
        for a in (None, slerp, "spa_slerp")
    ]
    plain, turned, by_name = (report.metrics["nc3_cosine"] for report in cosines)
    assert turned > 0.99 > plain
    assert by_name != plain


def test_a_loss_of_the_toolbox():
    model, data = trained(), clusters()
    loss = spa.losses.BalancedSoftmax(COUNTS)
    few = {"verbose": 0, "sampling": "instance", "steps": 30}
    plain = classifier(retrain_head(model, data, **few))[1]
    balanced = classifier(retrain_head(model, data, loss=loss, **few))[1]
    assert (balanced - plain)[2] > (balanced - plain)[0]


@pytest.mark.parametrize("tau", [0, 0.3, 1])
def test_normalisation_is_the_formula(tau):
    model = trained()
    weights, _ = classifier(model)
    normalized, biases = classifier(normalize_head(model, tau=tau))
    expected = [w / np.sqrt(np.sum(w**2)) ** tau for w in weights]
    np.testing.assert_allclose(normalized, expected, rtol=1e-6)
    np.testing.assert_array_equal(biases, 0)


@pytest.mark.parametrize("number", [1.0, np.float32(1)])
def test_a_power_in_the_place_of_images_is_told(number):
    with pytest.raises(ValueError, match=r"`held_out` must .* for τ = 1 pass tau=1\.0"):
        normalize_head(trained(), number)


def test_the_power_with_the_best_held_out_accuracy_is_chosen():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.diag([4.0, 1.0]), np.array([9.0, 0.0])])
    x, y = np.array([[1.0, 2.0], [1.0, 0.3]]), np.array([1, 0])
    # The first is decided rightly once 4^(1 - tau) < 2: from tau = 0.55 on.
    weights, _ = classifier(normalize_head(model, held_out=(x, y), verbose=0))
    np.testing.assert_allclose(np.diag(weights), [4**0.45, 1], rtol=1e-6)


def test_the_accuracy_it_is_chosen_by_is_the_mean_over_the_classes():
    """From tau = 0.55 on, three of four images of class 0 are lost for one of 1."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.layers[-1].set_weights([np.diag([4.0, 1.0]), np.zeros(2)])
    x = np.array([[1.0, 2.0], [1.0, 0.3], *[[1.0, 1.9]] * 3])
    held_out = x, np.array([1, 0, 0, 0, 0])
    weights, _ = classifier(normalize_head(model, held_out, verbose=0))
    np.testing.assert_allclose(np.diag(weights), [4**0.45, 1], rtol=1e-6)


def test_the_rate_of_adam_falls_along_a_cosine():
    """Two steps along a gradient that hardly changes: 0.01 and half of it."""
    model, data = trained(), clusters()
    few = {**ALL_AT_ONCE, "steps": 2, "verbose": 0}
    scaled, before = classifier(learn_scales(model, data, **few)), classifier(model)
    factors = (scaled[0] / before[0])[:, 0]
    np.testing.assert_allclose(np.abs(factors - 1), 0.015, atol=5e-4)
