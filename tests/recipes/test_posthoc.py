"""The comparison of post-hoc methods: their formulas, their choice, their table."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_spa as spa
from engine import after_training
from keras_spa.trained import retrain_head, scale_head
from reporting.posthoc_page import (
    ADJUSTED,
    ADJUSTED_FIT,
    ADJUSTED_FIT_OF_TEN,
    ALIGNED,
    FITTED,
    FITTED_OF_TEN,
    FOLLOWED,
    PAPER,
    RETRAINED,
    RETRAINED_ALIGNED,
    SCALED,
    UNTOUCHED,
)


def split(counts, seed):
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(3), counts).astype("int32")
    means = 2 * spa.theory.simplex_etf(3, 4, seed=1)
    images = (means[labels] + random.randn(len(labels), 4)).astype("float32")
    return spa.data.Split(images, labels)


@pytest.fixture(scope="module")
def data():
    splits = [split([200, 30, 6], 0), split([30] * 3, 1), split([40] * 3, 2)]
    return spa.data.LongTailedData("clusters", *splits, class_names=tuple("abc"))


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
    model = spa.SpAModel(backbone, keras.layers.Dense(3))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(data.train.images, data.train.labels, epochs=10, verbose=0)
    return model


@pytest.fixture(scope="module")
def compared(model, data):
    return after_training.compare(model, data)


def test_candidates_are_the_published_formulas():
    weights, biases = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([0.5, -0.5])
    means, counts = np.array([[2.0, 0.0], [0.0, 5.0]]), np.array([90, 10])
    options = after_training.candidates(weights, biases, means, counts)
    ((rows, b),) = options["nearest class mean"]
    np.testing.assert_allclose(rows, np.eye(2))
    assert not b.any()
    rows, b = options["tau-normalisation"][5]  # the share is 0.5
    np.testing.assert_allclose(rows, weights / np.sqrt([[5.0], [2.0]]))
    assert not b.any()
    for rows, b in (
        options["logit adjustment, chosen"][10],  # tau is 1
        *options["logit adjustment, τ = 1"],
    ):
        np.testing.assert_allclose(b, biases - np.log([0.9, 0.1]))
        assert rows is weights
    untouched, first, *_ = options["SpA-SLERP, the paper's"]
    assert untouched[0] is weights
    turned = after_training.TURNS[PAPER][0].update_weights(
        weights, spa.ClassStatistics(means, np.ones(2)), 0
    )
    np.testing.assert_allclose(first[0], keras.ops.convert_to_numpy(turned), atol=1e-6)


def test_the_isotropic_turn_keeps_the_logits_of_the_global_mean():
    random = np.random.RandomState(0)
    weights, biases, means = random.randn(3, 5), random.randn(3), random.rand(3, 5)
    options = after_training.candidates(weights, biases, means, np.array([9, 5, 1]))
    centre = means.mean(axis=0)
    before = weights @ centre + biases
    assert len(options[FOLLOWED]) == len(options[PAPER]) == 21
    for rows, b in options[FOLLOWED]:
        np.testing.assert_allclose(rows @ centre + b, before, atol=1e-4)
    for (rows, b), (same, _) in zip(options[PAPER], options[FOLLOWED], strict=True):
        np.testing.assert_array_equal(b, biases.astype(b.dtype))
        np.testing.assert_array_equal(rows, same)


def test_each_method_is_chosen_on_validation_and_measured_on_test(
    model, data, compared
):
    accuracies, _ = compared
    logits = model.predict(data.test.images, verbose=0)
    right = logits.argmax(axis=1) == data.test.labels
    assert accuracies["untouched"]["all"] == pytest.approx(100 * right.mean())
    assert accuracies["untouched"]["many"] == pytest.approx(100 * right[:40].mean())
    assert accuracies["untouched"]["few"] == pytest.approx(100 * right[80:].mean())
    calibration = spa.metrics.calibration_error(logits, data.test.labels)
    measured = accuracies["untouched"]["calibration error"]
    assert measured == pytest.approx(100 * calibration)
    chosen = accuracies["logit adjustment, chosen"]
    assert chosen["few"] > accuracies["untouched"]["few"]


def test_ours_is_what_align_does(model, data, compared):
    accuracies, choices = compared
    train, held_out = tuple(data.train), tuple(data.validation)
    first = [np.flatnonzero(held_out[1] == c)[:10] for c in range(3)]
    ten = tuple(array[np.concatenate(first)] for array in held_out)
    for name, given in ((ALIGNED, None), (FITTED, held_out), (FITTED_OF_TEN, ten)):
        aligned = spa.align(model, train, held_out=given, verbose=0)
        logits = aligned.predict(data.test.images, verbose=0)
        right = logits.argmax(axis=1) == data.test.labels
        assert accuracies[name]["all"] == pytest.approx(100 * right.mean())
        choice = spa.choose_alignment(model, train, held_out=given, verbose=0)
        stored = dict(choices[name])
        assert stored.pop("verdict") == choice.verdict
        for number, value in stored.items():
            assert value == pytest.approx(getattr(choice, number), abs=1e-6)
        assert len(stored) == 6


def test_fitted_adjustment_has_the_least_log_loss_without_a_turn(model, data, compared):
    accuracies, choices = compared
    prior = np.log(data.class_counts / data.class_counts.sum())
    held_out, test = data.validation, data.test

    def loss(scale, tau):
        logits = scale * model.predict(held_out.images, verbose=0) - tau * prior
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return -np.mean(logits[np.arange(90), held_out.labels])

    found = choices[ADJUSTED_FIT]
    assert found["beta"] == 0
    least = loss(found["scale"], found["tau"])
    for scale, tau in ((0.15, 0), (-0.15, 0), (0, 0.15), (0, -0.15)):
        assert least < loss(found["scale"] + scale, found["tau"] + tau)
    logits = found["scale"] * model.predict(test.images, verbose=0)
    right = (logits - found["tau"] * prior).argmax(axis=1) == test.labels
    assert accuracies[ADJUSTED_FIT]["all"] == pytest.approx(100 * right.mean())
    assert choices[ADJUSTED_FIT_OF_TEN]["tau"] != found["tau"]


def test_without_validation_images_nothing_is_chosen_on_them(model, data, compared):
    without = dataclasses.replace(data, validation=None, validation_source=None)
    accuracies, _ = after_training.compare(model, without)
    assert set(accuracies) == {
        *(UNTOUCHED, "nearest class mean", ADJUSTED, ALIGNED),
        *(RETRAINED, RETRAINED_ALIGNED, SCALED),
    }
    everything, _ = compared
    assert accuracies == {method: everything[method] for method in accuracies}


@pytest.mark.long
def test_heads_of_the_second_stage_are_those_of_the_package(model, data, compared):
    accuracies, _ = compared
    train = tuple(data.train)
    for name, made in (
        (RETRAINED, retrain_head(model, train, verbose=0)),
        (RETRAINED_ALIGNED, retrain_head(model, train, spa.SpASLERP(), verbose=0)),
        (SCALED, scale_head(model, train, verbose=0)),
    ):
        logits = made.predict(data.test.images, verbose=0)
        right = logits.argmax(axis=1) == data.test.labels
        assert accuracies[name]["all"] == pytest.approx(100 * right.mean())


def test_cosine_classifiers_are_compared_as_their_loss_scales_them(model, data):
    """LDAM's bare cosines times 30, those of BCL as they are."""
    scaled = spa.SpAModel(model.backbone, spa.layers.CosineDense(3, scale=20))
    same = after_training.with_bias(scaled).predict(data.test.images, verbose=0)
    logits = scaled.predict(data.test.images, verbose=0)
    np.testing.assert_allclose(same, logits, atol=1e-4)
    assert after_training.with_bias(model) is model
    cosine = spa.SpAModel(model.backbone, spa.layers.CosineDense(3, scale=1))
    logits = cosine.predict(data.test.images, verbose=0)
    accuracies, _ = after_training.compare(after_training.with_bias(cosine), data)
    assert {ALIGNED, FITTED, RETRAINED} <= set(accuracies)
    right = logits.argmax(axis=1) == data.test.labels
    assert accuracies[UNTOUCHED]["all"] == pytest.approx(100 * right.mean())
    adjusted = 30 * logits - np.log(data.class_counts / data.class_counts.sum())
    right = adjusted.argmax(axis=1) == data.test.labels
    assert accuracies[ADJUSTED]["all"] == pytest.approx(100 * right.mean())


def test_validation_images_that_want_no_change_get_none(model, data):
    images = 5 * np.random.RandomState(3).randn(200, 4).astype("float32")
    decided = model.predict(images, verbose=0).argmax(axis=1).astype("int32")
    assert set(decided) == {0, 1, 2}
    content = spa.data.Split(images, decided)
    splits = data.train, content, data.test
    other = spa.data.LongTailedData("content", *splits, class_names=tuple("abc"))
    accuracies, _ = after_training.compare(model, other)
    chosen, untouched = accuracies["logit adjustment, chosen"], accuracies[UNTOUCHED]
    assert chosen == pytest.approx(untouched)
