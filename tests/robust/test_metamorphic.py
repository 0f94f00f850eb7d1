"""Changes that change nothing: reports, losses and aligned models stay what they were.

A head that computes the same function at another scale; classes in another order; data
twice, at half the weight; uint8 in place of floats; one batch in place of many.
"""

import functools

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa
from keras_spa import losses

COUNTS = [34, 18, 8, 4]
RANDOM = np.random.RandomState(1)
Y = np.repeat(np.arange(4), COUNTS).astype("int32")
X = RANDOM.randint(0, 180, (4, 6))[Y] + RANDOM.randint(0, 75, (64, 6))
X = X.astype("uint8")
ORDER = np.array([2, 0, 3, 1])  # the class that comes to each place
PLACE = np.argsort(ORDER)
PER_CLASS = (
    *("accuracy_per_class", "cosine_per_class", "exponent_per_class"),
    *("noise_cosine_per_class", "noise_exponent_per_class", "distance_per_class"),
)


def plain(scale=1.0, order=range(4), dtype="float32"):
    """A trained model, as it were: its head is near, not at, the class means."""
    random = np.random.RandomState(2)
    hidden, bias = 2 * random.randn(6, 5), random.rand(5)
    features = np.maximum(X / 255 @ hidden + bias, 0)
    means = np.stack([features[c == Y].mean(axis=0) for c in range(4)])
    kernel = 9 * (means - means.mean(axis=0)).T + 0.3 * random.randn(5, 4)
    biases = -np.sum(kernel.T * (means + means.mean(axis=0)), axis=1) / 2
    biases += [0.03, 0, -0.03, 0.01]
    order = list(order)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype=dtype),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Dense(5, "relu"),
            keras.layers.Dense(4),
        ]
    )
    model.set_weights(
        [scale * hidden, scale * bias, kernel[:, order] / scale, biases[order]]
    )
    return model


SAME = {  # a model, its data, images a class in place of one
    "scaled up": (functools.partial(plain, 8.0), (X, Y), 1),
    "scaled down": (functools.partial(plain, 1 / 16), (X, Y), 1),
    "twice": (plain, (np.tile(X, (2, 1)), np.tile(Y, 2)), 2),
    "floats": (plain, (X.astype("float32"), Y), 1),
    "a model of uint8": (functools.partial(plain, dtype="uint8"), (X, Y), 1),
    "backwards": (plain, (X[::-1], Y[::-1]), 1),
    "batches": (plain, [(X[i : i + 7], Y[i : i + 7]) for i in range(0, 64, 7)], 1),
    "one hot": (plain, (X, np.eye(4)[Y]), 1),
}
REORDERED = functools.partial(plain, order=ORDER)
HELD_OUT = X[::3] ^ 1


def kept(times):
    """The share of the noise that images show about their own means."""
    return np.mean(1 - 1 / (times * np.array(COUNTS)))


def assert_same_report(one, other, order=range(4), times=1):
    assert one.metrics.keys() == other.metrics.keys()
    for name, value in one.metrics.items():
        np.testing.assert_allclose(other.metrics[name], value, rtol=1e-4, err_msg=name)
    assert other.accuracy == pytest.approx(one.accuracy)
    for name in PER_CLASS:
        expected = np.array(getattr(one, name))[list(order)]
        if name == "distance_per_class":  # twice the images, less is added to the noise
            expected *= np.sqrt(kept(times) / kept(1))
        actual = getattr(other, name)
        np.testing.assert_allclose(actual, expected, rtol=1e-3, err_msg=name)
    for name in ("images", "class_counts"):
        expected = times * np.array(getattr(one, name))[list(order)]
        np.testing.assert_array_equal(getattr(other, name), expected)


@functools.cache
def report():
    made = spa.diagnose(plain(), (X, Y), verbose=0)
    assert made.metrics["exponent_efficiency"] > 0.01  # there is something to lose
    return made


@pytest.mark.parametrize("change", SAME)
def test_a_report_stays(change):
    make, data, times = SAME[change]
    changed = spa.diagnose(make(), data, verbose=0)
    assert_same_report(report(), changed, times=times)
    assert str(changed) == str(report())


def test_a_report_of_classes_in_another_order_is_the_report_in_that_order():
    changed = spa.diagnose(REORDERED(), (X, PLACE[Y]), verbose=0)
    assert_same_report(report(), changed, ORDER)


def by_rule(model, data, held_out_labels):
    return spa.align(model, data, verbose=0)


def by_rotation(model, data, held_out_labels):
    return spa.align(model, data, alignment=spa.SpASLERP(0.5), verbose=0)


def by_fit(model, data, held_out_labels):
    held_out = HELD_OUT, held_out_labels
    return spa.align(model, data, held_out=held_out, verbose=0)


@functools.cache
def aligned(align):
    before = plain().predict(X, verbose=0)
    logits = align(plain(), (X, Y), Y[::3]).predict(X, verbose=0)
    assert np.abs(logits - before).max() > 0.1  # it was aligned
    return logits


def assert_same_logits(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    ("change", "align"),
    [
        (change, align)
        for change in SAME
        for align in (by_rule, by_rotation, by_fit)
        if change != "twice" or align is by_rotation  # of more images less is noise
    ],
)
def test_an_aligned_model_stays(change, align):
    make, data, _ = SAME[change]
    model = align(make(), data, Y[::3])
    assert_same_logits(model.predict(X, verbose=0), aligned(align))


@pytest.mark.parametrize("align", [by_rule, by_rotation, by_fit])
def test_a_model_of_classes_in_another_order_is_aligned_in_that_order(align):
    model = align(REORDERED(), (X, PLACE[Y]), PLACE[Y[::3]])
    assert_same_logits(model.predict(X, verbose=0), aligned(align)[:, ORDER])


def class_balanced(counts, **kwargs):
    each = keras.losses.SparseCategoricalCrossentropy(True, reduction=None)
    return losses.ClassBalanced(each, counts, **kwargs)


COUNTED = (losses.BalancedSoftmax, losses.LogitAdjusted, losses.LDAM, class_balanced)
COUNTED += (losses.LabelAwareSmoothing,)
LOGITS = np.random.RandomState(3).randn(64, 4).astype("float32")


def value(loss, labels, logits, weights=None):
    return float(loss(labels, logits, sample_weight=weights))


@pytest.mark.parametrize("make", COUNTED)
def test_a_loss_stays(make):
    loss, total = make(COUNTS), make(COUNTS, reduction="sum")
    expected = value(loss, Y, LOGITS)
    twice = np.tile(Y, 2), np.tile(LOGITS, (2, 1))
    reordered = make(list(np.array(COUNTS)[ORDER]))
    changed = {
        "order": value(reordered, PLACE[Y], LOGITS[:, ORDER]),
        "backwards": value(loss, Y[::-1].copy(), LOGITS[::-1].copy()),
        "twice": value(loss, *twice),
        "half the weight": value(total, *twice, np.full(128, 0.5)) / 64,
        "batches": sum(value(total, Y[i::3], LOGITS[i::3]) for i in range(3)) / 64,
        "uint8": value(loss, Y.astype("uint8"), LOGITS),
        "a column": value(loss, Y[:, None], LOGITS),
    }
    assert changed == pytest.approx(dict.fromkeys(changed, expected), rel=1e-5)


def trained(labels=Y, weights=None, images=X, order=range(4)):
    """Kernel and class means after three steps on the whole data."""
    loss = keras.losses.SparseCategoricalCrossentropy(True, reduction="sum")
    model = spa.SpAModel.from_model(plain(order=order), toys.all_alignments())
    model.compile(keras.optimizers.SGD(1e-3), loss, run_eagerly=True)
    for _ in range(3):
        model.train_on_batch(images, labels, sample_weight=weights)
    kernel = keras.ops.convert_to_numpy(model.aligned_kernel)
    means = keras.ops.convert_to_numpy(model.class_means.means)
    alignment = model.evaluate(X, labels[:64], verbose=0, return_dict=True)["alignment"]
    return kernel, means.T, alignment


@pytest.mark.parametrize("change", ["order", "half", "floats", "uint8 labels"])
def test_training_stays(change):
    order, twice = slice(None), (np.tile(Y, 2), np.full(128, 0.5))
    if change == "order":
        changed, order = trained(PLACE[Y], order=ORDER), ORDER
    elif change == "half":
        changed = trained(*twice, images=np.tile(X, (2, 1)))
    elif change == "floats":
        changed = trained(images=X.astype("float32"))
    else:
        changed = trained(Y.astype("uint8"))
    kernel, means, alignment = trained()
    np.testing.assert_allclose(changed[0], kernel[:, order], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(changed[1], means[:, order], rtol=1e-4, atol=1e-5)
    assert changed[2] == pytest.approx(alignment, abs=1e-5)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_an_evaluation_stays_at_any_size_of_its_batches(size):
    shots = spa.metrics.ShotAccuracy(COUNTS, many=20, few=9)
    model = spa.SpAModel.from_model(plain())
    loss = losses.BalancedSoftmax(COUNTS)
    model.compile("sgd", loss, metrics=["accuracy", shots], run_eagerly=True)
    logs = model.evaluate(X, Y, batch_size=size, verbose=0, return_dict=True)
    logits = plain().predict(X, verbose=0)
    right = logits.argmax(axis=1) == Y
    assert logs["loss"] == pytest.approx(value(loss, Y, logits), rel=1e-4)
    assert logs["accuracy"] == pytest.approx(right.mean())
    assert logs["shot_accuracy_many"] == pytest.approx(right[Y == 0].mean())
    assert logs["shot_accuracy_few"] == pytest.approx(
        np.mean([right[c == Y].mean() for c in (2, 3)])
    )
