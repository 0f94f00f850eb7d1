"""Neural collapse of what is missing, undefined or wrong: words, NaN, a ValueError."""

import keras
import numpy as np
import pytest
from collapse import measured, sample, two_passes

import keras_spa as spa


def test_classes_without_images_are_left_out_and_named():
    features, labels, weights, biases = sample()
    labels = np.where(labels == 2, 1, labels)
    metric = measured(features, labels, weights, biases)
    measures = metric.result(weights, biases)
    for name, value in two_passes(features, labels, weights, biases).items():
        if name != "nc4":  # whose loop may decide for the missing class
            np.testing.assert_allclose(measures[name], value, rtol=1e-5)
    assert np.isnan(metric.per_class(weights)["cosine"]).tolist() == [
        False,
        False,
        True,
        False,
    ]
    assert metric.notes() == ["Classes without images, left out: 2."]
    named = metric.notes(class_names=["cat", "dog", "emu", "fox"])
    assert named == ["Classes without images, left out: emu."]
    with pytest.raises(ValueError, match="`class_names` must hold 4 names.*: 2"):
        metric.notes(class_names=["cat", "dog"])


def test_a_simplex_that_does_not_fit_is_noted():
    features, labels, weights, biases = sample(K=5, d=3)
    (note,) = measured(features, labels, weights, biases).notes()
    assert "simplex ETF of 5 classes needs 4 dimensions; with 3" in note


def test_constant_features_give_words_and_nan():
    features, labels, weights, biases = sample()
    metric = measured(np.ones_like(features) / 3, labels, weights, biases)
    with pytest.warns(UserWarning, match="Undefined: nc1, cdnv.* coincide"):
        measures = metric.result(weights, biases)
    assert np.isnan(measures["nc1"])
    assert np.isnan(measures["exponent_efficiency"])
    assert measures["nc3_cosine"] == 0
    assert 0 <= measures["nc4"] <= 1


def test_two_classes_with_one_mean_are_named():
    labels = np.array([0, 0, 1, 1, 2])
    features = np.array([[1, 0], [3, 0], [2, 1], [2, -1], [0, 5]], "float32")
    metric = measured(features, labels, np.eye(3, 2), np.zeros(3))
    with pytest.warns(UserWarning, match="Classes whose means coincide: 0 and 1"):
        measures = metric.result(np.eye(3, 2))
    assert np.isnan(measures["cdnv"])
    assert np.isfinite(measures["nc1"])
    notes = metric.notes(class_names=["cat", "dog", "emu"])
    assert "Classes whose means coincide: cat and dog." in notes


def test_zero_weights_are_named():
    features, labels, weights, biases = sample()
    weights[1] = 0
    metric = measured(features, labels, weights, biases)
    assert metric.notes(weights) == ["Classes whose weights are 0: 1."]
    named = metric.notes(weights, ["cat", "dog", "emu", "fox"])
    assert named == ["Classes whose weights are 0: dog."]
    assert metric.per_class(weights)["cosine"][1] == 0


def test_tensors_of_any_precision_and_empty_batches():
    features, labels, weights, biases = sample()
    metric = spa.metrics.NeuralCollapse(4)
    for dtype, rows in (("bfloat16", slice(0, 20)), ("float32", slice(20, None))):
        x = keras.ops.cast(keras.ops.convert_to_tensor(features[rows]), dtype)
        metric.update_state(x, keras.ops.convert_to_tensor(labels[rows])[:, None])
    metric.update_state(features[:0], labels[:0])
    expected = two_passes(features, labels, weights, biases)
    measures = metric.result(weights, biases)
    assert "nc4" not in measures  # no logits were given
    assert measures["nc3_cosine"] == pytest.approx(expected["nc3_cosine"], abs=0.01)
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


@pytest.mark.parametrize("first", [True, False])
def test_logits_of_some_batches_alone_are_refused(first):
    metric = spa.metrics.NeuralCollapse(3)
    metric.update_state(np.eye(3), np.arange(3), np.eye(3) if first else None)
    with pytest.raises(ValueError, match="`logits` must be given for all .* batch 1"):
        metric.update_state(np.eye(3), np.arange(3), None if first else np.eye(3))
    metric.reset_state()
    metric.update_state(np.eye(3), np.arange(3), None if first else np.eye(3))
