import keras
import measure
import numpy as np
import pytest

import keras_spa as spa


def test_accuracies_by_shots_and_class():
    y = np.array([0, 0, 1, 1, 2, 2])
    predicted = np.array([0, 0, 1, 0, 2, 0])
    measured = measure.accuracies(predicted, y, class_counts=[500, 100, 30])
    assert measured["per_class"] == [100.0, 50.0, 50.0]
    assert (measured["many"], measured["medium"], measured["few"]) == (100, 50, None)
    assert measured["all"] == pytest.approx(100 * 4 / 6)


def test_observing_equals_a_loop_over_images_whatever_the_batches():
    random = np.random.RandomState(0)
    x = random.randn(50, 6).astype("float32")
    y = random.randint(0, 3, 50)
    y[y == 2] = 1  # class 2 has no image
    model = spa.SpAModel(
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)]),
        keras.layers.Dense(3),
    )
    predicted, labels, sums, counts = measure.observe(model, (x, y))
    batches = [(x[:7], y[:7]), (x[7:], y[7:])]
    expected = (predicted, labels, sums, counts)
    for a, b in zip(measure.observe(model, batches), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    features = model.backbone.predict(x, verbose=0)
    logits = model.classifier(features)
    np.testing.assert_array_equal(predicted, keras.ops.argmax(logits, -1))
    np.testing.assert_array_equal(labels, y)
    np.testing.assert_array_equal(counts, np.bincount(y, minlength=3))

    kernel = keras.ops.convert_to_numpy(model.classifier.kernel)
    means = np.array([features[y == c].mean(axis=0) for c in (0, 1)])
    expected = []
    for c in (0, 1):
        centred = means[c] - means.mean(axis=0)
        w = kernel[:, c]
        expected.append(w @ centred / np.linalg.norm(w) / np.linalg.norm(centred))
    cosines = measure.class_cosines(model, sums, counts)
    np.testing.assert_allclose(cosines, [*expected, 0], atol=1e-5)
