"""Labels that do not exist are refused in arrays, and NaN in compiled steps.

Before, JAX took them: the loss fell, and `ShotAccuracy` showed 0.50 of 0.27.
"""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

X, Y = toys.data()
BAD = np.where(np.arange(len(Y)) % 4 == 1, 9, Y)
COUNTS = [40, 20, 12, 9]
CALLS = {
    "fit": lambda model: model.fit(X, BAD, verbose=0),
    "evaluate": lambda model: model.evaluate(X, BAD, verbose=0),
    "train_on_batch": lambda model: model.train_on_batch(X, BAD),
    "test_on_batch": lambda model: model.test_on_batch(X, BAD),
    "validation": lambda m: m.fit(X, Y, validation_data=(X, BAD), verbose=0),
    "weighted": lambda m: m.fit(X, Y, validation_data=(X, BAD, X[:, 0]), verbose=0),
    "batches": lambda m: m.fit(X, Y, validation_data=toys.OneBatch(X, BAD), verbose=0),
    "evaluated batches": lambda model: model.evaluate(toys.OneBatch(X, BAD), verbose=0),
    "shares": lambda model: model.evaluate(X, -np.eye(4)[Y], verbose=0),
}


@pytest.mark.parametrize("call", CALLS)
def test_arrays_are_looked_at(call):
    model = toys.model(spa.SpAReg(0.1))
    before = toys.model(spa.SpAReg(0.1)).get_weights()
    with pytest.raises(ValueError, match="`labels` must be .*Received"):
        CALLS[call](model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("call", ["evaluate", "test_on_batch", "train_on_batch"])
def test_missing_labels_are_named(call):
    with pytest.raises(ValueError, match="`y`, the labels, must be given"):
        getattr(toys.model(), call)(X)


@pytest.mark.parametrize("size", [2, 3, 8])
def test_labels_that_a_data_set_lacks_are_named(size):
    tf = pytest.importorskip("tensorflow")
    images = tf.data.Dataset.from_tensor_slices(X).batch(size)
    model = toys.model()
    model.evaluate(X, Y, verbose=0)  # which builds the metrics
    with pytest.raises(ValueError, match="`y`, the labels, must be given"):
        model.evaluate(images, verbose=0)


def batches(labels):
    while True:
        yield X, labels


LOSSES = {
    "Keras": keras.losses.SparseCategoricalCrossentropy(True),
    "BalancedSoftmax": spa.losses.BalancedSoftmax(COUNTS),
}


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the others refuse them on CPUs"
)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_compiled_step_shows_them(loss):
    """Nothing is read there: the loss is NaN, and the sample counts as wrong."""
    shots = spa.metrics.ShotAccuracy(COUNTS)
    model = toys.model(spa.SpAReg(0.1), loss=LOSSES[loss])
    model.compile("sgd", LOSSES[loss], metrics=["accuracy", shots])
    fitted = model.fit(batches(BAD), steps_per_epoch=1, verbose=0).history
    found = model.evaluate(batches(BAD), steps=1, verbose=0, return_dict=True)
    for logs in ({name: values[-1] for name, values in fitted.items()}, found):
        assert np.isnan(logs["loss"])
        assert logs["shot_accuracy_overall"] == pytest.approx(logs["accuracy"])
    assert all(np.isfinite(weights).all() for weights in model.get_weights()[:2])


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the others refuse them on CPUs"
)
@pytest.mark.parametrize("label", [2**32 + 1, -(2**32) + 1, 2**63])
def test_labels_that_32_bits_cut_to_a_class_are_none(label):
    """Before, 2**32 + 1 counted as class 1."""
    dtype = "uint64" if label >= 2**63 else "int64"
    bad = np.where(BAD == 9, np.array(label, dtype), Y.astype(dtype))
    shots = spa.metrics.ShotAccuracy(COUNTS)
    model = toys.model(spa.SpAReg(0.1), compiled={"metrics": ["accuracy", shots]})
    fitted = model.fit(batches(bad), steps_per_epoch=1, verbose=0).history
    found = model.evaluate(batches(bad), steps=1, verbose=0, return_dict=True)
    for logs in ({name: values[-1] for name, values in fitted.items()}, found):
        assert np.isnan(logs["loss"])
        assert logs["shot_accuracy_overall"] == pytest.approx(logs["accuracy"])
    good = model.fit(batches(Y.astype(dtype)), steps_per_epoch=1, verbose=0).history
    assert np.isfinite(good["loss"][-1])


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the others refuse them on CPUs"
)
def test_a_reweighted_loss_of_a_plain_model_shows_them():
    model = keras.Sequential([keras.Input((toys.INPUTS,)), keras.layers.Dense(4)])
    model.compile("sgd", LOSSES["Keras"])
    drw = spa.callbacks.DeferredReweighting(0, COUNTS)
    history = model.fit(batches(BAD), steps_per_epoch=1, callbacks=[drw], verbose=0)
    assert np.isnan(history.history["loss"][-1])


def test_the_metric_counts_them_as_wrong(monkeypatch):
    monkeypatch.setattr(spa._label_checks, "check_if_known", lambda *_: None)
    for labels in (BAD[:8], BAD[:8, None], np.where(BAD[:8] == 9, np.nan, BAD[:8])):
        metric = spa.metrics.ShotAccuracy(COUNTS)
        metric.update_state(labels, np.eye(4)[Y[:8]])
        right = float(np.mean(BAD[:8] == Y[:8]))
        assert float(metric.result()["shot_accuracy_overall"]) == right
        metric.reset_state()
        metric.update_state(Y[:8], np.eye(4)[Y[:8]])
        assert float(metric.result()["shot_accuracy_overall"]) == 1


@pytest.mark.parametrize("wrap", [lambda y: [y], lambda y: {"species": y}])
def test_labels_in_a_structure_of_one_are_looked_at(wrap):
    with pytest.raises(ValueError, match="`labels` must be"):
        toys.model().evaluate(X, wrap(BAD), verbose=0)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "float32"])
def test_more_classes_than_a_dtype_counts(dtype):
    labels = np.array([0, 100, 120], dtype)
    assert np.asarray(keras.ops.all(spa._label_checks.valid(labels, 1000)))
    assert not np.asarray(keras.ops.any(spa._label_checks.valid(labels[1:], 100)))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_one_hot_labels_of_any_dtype_are_right(dtype):
    """Before, TensorFlow took floats alone, where a batch may be of any size."""
    shares = np.eye(toys.CLASSES)[Y]
    logs = []
    for labels in (shares.astype("float32"), shares.astype(dtype)):
        model = toys.model(
            spa.SpAReg(0.1),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            compiled={"metrics": [spa.metrics.ShotAccuracy(COUNTS)]},
        )
        logs.append(model.fit(X, labels, shuffle=False, verbose=0).history)
    np.testing.assert_equal(*logs)
