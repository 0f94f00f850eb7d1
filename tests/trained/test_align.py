"""Alignment of trained models without training."""

import keras
import numpy as np
import pytest

import keras_spa as spa
from keras_spa.trained.choose_alignment import CANDIDATES

K, D = 3, 6
ARRIVE = spa.SpASLERP.paper(1.0, threshold=1.0, center=True)


def clusters(counts, seed=0):
    """Noisy points around three directions, as many of each class as `counts`."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), counts)
    means = 2 * spa.theory.simplex_etf(K, 5, seed=1)
    return (means[labels] + random.randn(len(labels), 5)).astype("float32"), labels


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,)), keras.layers.Dense(D), keras.layers.Dense(K)]
    model = keras.Sequential(layers)
    model.layers[-1].bias.assign([0.3, 0.2, 0.1])
    return model


def features(model, images):
    return keras.ops.convert_to_numpy(model.layers[0](images))


@pytest.mark.parametrize("norm", ["keep", "equal"])
def test_weights_take_the_direction_of_the_exact_class_means(model, norm):
    images, labels = clusters([40, 12, 5])
    before = [weight.copy() for weight in model.get_weights()]
    alignment = spa.SpASLERP.paper(1.0, threshold=1.0, center=True, norm=norm)
    aligned = spa.align(model, (images, labels), alignment, batch_size=9, verbose=0)
    assert type(aligned) is keras.Sequential
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(before[:2], aligned.get_weights()[:2], strict=True):
        np.testing.assert_array_equal(old, new)
    kernel, bias = aligned.get_weights()[2:]
    np.testing.assert_array_equal(bias, before[3])
    h = features(model, images)
    means = np.array([h[labels == c].mean(axis=0) for c in range(K)])
    centred = means - means.mean(axis=0)
    lengths = np.linalg.norm(before[2], axis=0)
    if norm == "equal":
        lengths = lengths.mean()
    expected = lengths * (centred / np.linalg.norm(centred, axis=1)[:, None]).T
    np.testing.assert_allclose(kernel, expected, atol=1e-5)


def test_logit_adjustment_moves_the_biases(model):
    data = clusters([40, 12, 5])
    aligned = spa.align(model, data, None, logit_adjustment=0.5, verbose=0)
    shift = aligned.get_weights()[3] - model.get_weights()[3]
    prior = np.array([40, 12, 5]) / 57
    np.testing.assert_allclose(shift, -0.5 * np.log(prior), rtol=1e-5)
    np.testing.assert_array_equal(aligned.get_weights()[2], model.get_weights()[2])
    given = spa.align(model, data, None, 0.5, class_counts=[8, 1, 1], verbose=0)
    shift = given.get_weights()[3] - model.get_weights()[3]
    np.testing.assert_allclose(shift, -0.5 * np.log([0.8, 0.1, 0.1]), rtol=1e-5)


def test_a_spa_model_stays_one(model):
    data = clusters([10, 10, 10])
    spa_model = spa.SpAModel.from_model(model, alignment=spa.SpAReg.paper(0.1))
    aligned = spa.align(spa_model, data, ARRIVE, verbose=0)
    assert isinstance(aligned, spa.SpAModel)
    assert aligned.alignments[0].strength == 0.1
    report = spa.diagnose(aligned, data, verbose=0)
    assert report.metrics["nc3_cosine"] == pytest.approx(1, abs=1e-5)
    assert spa.diagnose(model, data, verbose=0).metrics["nc3_cosine"] < 0.9


def test_a_missing_class_keeps_its_weight(model):
    images, labels = clusters([10, 10, 10])
    kept = labels != 1
    aligned = spa.align(model, (images[kept], labels[kept]), ARRIVE, verbose=0)
    before, after = model.get_weights()[2], aligned.get_weights()[2]
    np.testing.assert_array_equal(before[:, 1], after[:, 1])
    assert np.abs(before - after).max() > 0.1


def test_the_choice_is_the_best_of_all_candidates(model):
    train, held_out = clusters([40, 12, 5]), clusters([20, 20, 20], seed=1)
    chosen = spa.choose_alignment(model, train, held_out, verbose=0)

    def accuracy(model):
        decided = model.predict(held_out[0], verbose=0).argmax(axis=1)
        return np.mean([np.mean(decided[held_out[1] == c] == c) for c in range(K)])

    assert chosen.untouched == pytest.approx(accuracy(model))
    aligned = spa.align(model, train, *chosen[:2], verbose=0)
    assert chosen.accuracy == pytest.approx(accuracy(aligned))
    assert chosen.accuracy > chosen.untouched
    for alignment in (CANDIDATES[3], CANDIDATES[-1]):
        for tau in (0.0, 1.0):
            other = spa.align(model, train, alignment, tau, verbose=0)
            assert accuracy(other) <= chosen.accuracy + 1e-6
    auto = spa.align(model, train, "auto", held_out=held_out, verbose=0)
    for a, b in zip(auto.get_weights(), aligned.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_to_gain_changes_nothing():
    etf = spa.theory.simplex_etf(K, 5)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(K)])
    model.layers[0].set_weights([etf.T, np.zeros(K)])
    labels = np.arange(12) % K
    chosen = spa.choose_alignment(
        model, (etf[labels], labels), (etf[labels], labels), verbose=0
    )
    assert chosen == (None, 0.0, 1.0, 1.0)


def test_a_classifier_without_bias_is_chosen_for_without_adjustment():
    backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D)])
    model = spa.SpAModel(backbone, spa.layers.CosineDense(K))
    data = clusters([40, 12, 5])
    chosen = spa.choose_alignment(model, data, clusters([9] * K, 1), verbose=0)
    assert chosen.logit_adjustment == 0
    with pytest.raises(ValueError, match="without a bias"):
        spa.align(model, data, logit_adjustment=1.0, verbose=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alignment": spa.SpAReg.paper(0.1)}, "that updates weights"),
        ({"alignment": 0.5}, "that updates weights"),
        ({"alignment": "always"}, "that updates weights"),
        ({"alignment": "auto"}, "`held_out` must be given"),
        ({"held_out": clusters([4, 4, 4])}, "and only then"),
        ({"logit_adjustment": -1}, "logit_adjustment"),
        ({"logit_adjustment": 1.0, "class_counts": [1, 2]}, "each of 3 classes"),
    ],
)
def test_bad_arguments(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        spa.align(model, clusters([4, 4, 4]), verbose=0, **arguments)


def test_bad_data(model):
    images, labels = clusters([4, 4, 4])
    with pytest.raises(ValueError, match="finite features"):
        spa.align(model, (np.full_like(images, np.nan), labels), verbose=0)
    with pytest.raises(ValueError, match="integers in 0..2"):
        spa.align(model, (images, labels + 1), verbose=0)
    few = images[labels < 2], labels[labels < 2]
    with pytest.raises(ValueError, match=r"no images of \[2\]"):
        spa.align(model, few, logit_adjustment=1.0, verbose=0)
