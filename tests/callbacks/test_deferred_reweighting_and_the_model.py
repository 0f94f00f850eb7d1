"""What becomes of the model: saved, resumed, interrupted, unusual or unsuitable."""

import keras
import numpy as np
import pytest
import toys
from keras import ops
from reweighting import (
    COUNTS,
    assert_same_weights,
    drw,
    fit,
    in_batches,
    long_tailed,
    plain_model,
    spa_model,
    weights_by_loop,
)

from keras_spa.callbacks import DeferredReweighting


@pytest.mark.parametrize("make", [plain_model, spa_model])
@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.slow
def test_saved_while_training_and_resumed(make, epoch, tmp_path):
    x, y = toys.data()
    path = tmp_path / "{epoch}.keras"
    save = keras.callbacks.ModelCheckpoint(path, verbose=0)
    steady = make()
    fit(steady, x, y, 4, callbacks=[drw(epoch), save])
    resumed = keras.saving.load_model(tmp_path / "2.keras")
    fit(resumed, x, y, 4, initial_epoch=2, callbacks=[drw(epoch)])
    assert_same_weights(resumed, steady)


@pytest.mark.parametrize("look", ["evaluate", "reset_metrics"])
@pytest.mark.parametrize("make", [plain_model, spa_model])
def test_an_evaluation_amid_an_epoch_does_not_change_training(make, look):
    x, y = toys.data()

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if look == "evaluate":
                self.model.evaluate(x, y, verbose=0)
            else:
                self.model.reset_metrics()

    steady, watched = make(), make()
    fit(steady, x, y, 2, callbacks=[drw(1)])
    fit(watched, x, y, 2, callbacks=[drw(1), Look()])
    assert_same_weights(watched, steady)


class Interrupt(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.after = after

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.after:
            raise KeyboardInterrupt


def test_backup_and_restore(tmp_path):
    x, y = toys.data()
    steady, stopped = plain_model(), plain_model()
    fit(steady, x, y, 4, callbacks=[drw(1)])

    def callbacks():
        return [drw(1), keras.callbacks.BackupAndRestore(tmp_path / "backup")]

    with pytest.raises(KeyboardInterrupt):
        fit(stopped, x, y, 4, callbacks=[*callbacks(), Interrupt(after=2)])
    again = plain_model()
    fit(again, x, y, 4, callbacks=callbacks())
    assert_same_weights(again, steady)


def test_fit_leaves_the_model_as_it_was():
    x, y = toys.data()
    model, reference = plain_model(), plain_model()
    metrics, variables = list(model.metrics), len(model.variables)
    fit(model, x, y, 2, callbacks=[drw(1)])
    assert model.metrics == metrics
    assert len(model.variables) == variables
    assert "compute_loss" not in vars(model)
    weights = in_batches(np.array(weights_by_loop())[y])
    fit(reference, x, y, 1)
    fit(reference, x, y, 2, initial_epoch=1, sample_weight=weights)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(
        reference.evaluate(x, y, verbose=0), abs=1e-5
    )
    fit(model, x, y, 2)  # unweighted
    fit(reference, x, y, 2)
    assert_same_weights(model, reference)


@pytest.mark.parametrize("same_callback", [True, False])
def test_an_interrupted_fit_leaves_no_weights(same_callback):
    x, y = toys.data()
    model, reference = plain_model(), plain_model()
    callback = drw(0)
    with pytest.raises(KeyboardInterrupt):
        fit(model, x, y, 2, callbacks=[callback, Interrupt(after=1)])
    weights = in_batches(np.array(weights_by_loop())[y])
    fit(reference, x, y, 1, sample_weight=weights)
    fit(model, x, y, 1)
    fit(reference, x, y, 1)
    assert_same_weights(model, reference)
    fit(model, x, y, 1, callbacks=[callback if same_callback else drw(0)])
    fit(reference, x, y, 1, callbacks=[drw(0)])
    assert_same_weights(model, reference)
    assert len(model.metrics) == len(reference.metrics)


def test_evaluate_and_predict_take_the_callback_and_ignore_it():
    x, y = toys.data()
    model = plain_model()
    expected = model.evaluate(x, y, verbose=0)
    actual = model.evaluate(x, y, verbose=0, callbacks=[drw(0)])
    assert actual == pytest.approx(expected)
    model.predict(x, verbose=0, callbacks=[drw(0)])


def test_with_several_steps_an_execution():
    if keras.backend.backend() == "torch":
        pytest.skip("Keras does not support it on PyTorch")
    x, y = long_tailed(40)  # the last batch is smaller
    one, three = plain_model(), plain_model(compiled={"steps_per_execution": 3})
    fit(one, x, y, 3, callbacks=[drw(1)])
    fit(three, x, y, 3, callbacks=[drw(1)])
    assert_same_weights(one, three)


def test_only_the_loss_of_training_is_weighted():
    x, y = long_tailed()
    model, losses = plain_model(), {}

    def measure(epoch, logs):
        for training in (True, False):
            loss = model.compute_loss(x, y, model(x), None, training=training)
            losses[training] = float(ops.convert_to_numpy(loss))

    measuring = keras.callbacks.LambdaCallback(on_epoch_end=measure)
    fit(model, x, y, 1, callbacks=[drw(0), measuring])
    logits = model.predict(x, verbose=0)
    each = -logits[range(len(y)), y] + np.log(np.exp(logits).sum(axis=1))
    weights = np.array(weights_by_loop())[y]
    assert losses[True] == pytest.approx(np.average(each, weights=weights), abs=1e-5)
    assert losses[False] == pytest.approx(np.mean(each), abs=1e-5)


class OlderModel(keras.Model):
    """A model of a user's, whose `compute_loss` knows no `training`."""

    def __init__(self):
        super().__init__()
        self.head = toys.dense(toys.INPUTS, toys.CLASSES)

    def call(self, x):
        return self.head(x)

    def compute_loss(self, x, y, y_pred, sample_weight):
        return super().compute_loss(x, y, y_pred, sample_weight)


def test_with_an_older_compute_loss():
    x, y = toys.data()
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    deferred, expected = OlderModel(), OlderModel()
    deferred.compile("sgd", loss)
    expected.compile("sgd", loss)
    weights = in_batches(np.array(weights_by_loop())[y])
    validation = {"validation_data": (x, y)}
    actual = fit(deferred, x, y, 2, callbacks=[drw(0)], **validation)
    history = fit(expected, x, y, 2, sample_weight=weights, **validation)
    assert_same_weights(deferred, expected)
    np.testing.assert_allclose(actual["val_loss"], history["val_loss"], atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epoch": -1}, "`epoch` .*at least 0. Received: epoch=-1"),
        ({"epoch": 1.5}, "`epoch` .* Received: epoch=1.5"),
        ({"beta": 1.0}, "`beta` must be below 1.* Received: beta=1.0"),
        ({"beta": -0.1}, r"`beta` .*\[0, 1\]. Received: beta=-0.1"),
        ({"beta": float("nan")}, "`beta` .* Received: beta=nan"),
        ({"class_counts": [3, 0]}, "`class_counts` must be positive.*{1: 0}"),
        ({"class_counts": [3, -1]}, "`class_counts` must be positive.*{1: -1}"),
        ({"class_counts": [3]}, "`class_counts` .*at least 2"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        DeferredReweighting(**{"epoch": 1, "class_counts": COUNTS, **arguments})


def test_missing_counts_are_asked_for():
    x, y = toys.data()
    for callback in (DeferredReweighting(1), DeferredReweighting(1, beta=0.9)):
        with pytest.raises(ValueError, match="`class_counts` must be given"):
            fit(plain_model(), x, y, 1, callbacks=[callback])
    with pytest.raises(ValueError, match="`class_counts` must be given"):
        _ = DeferredReweighting(1).class_weights


def test_counts_of_another_number_of_classes_are_named():
    callback = DeferredReweighting(1, [5, 4, 3])
    with pytest.raises(ValueError, match=r"one count for each logit.*3 class counts"):
        fit(plain_model(), *toys.data(), 1, callbacks=[callback])


def test_several_tensors_of_labels_are_refused():
    inputs = keras.Input((toys.INPUTS,))
    outputs = [keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)]
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    model.compile("sgd", [loss, loss])
    x, y = toys.data()
    with pytest.raises(ValueError, match="from one tensor of labels"):
        fit(model, x, [y, y], 1, callbacks=[drw(0)])


class HidesMetrics(OlderModel):
    @property
    def metrics(self):
        return [self._loss_tracker]


def test_a_model_that_hides_its_metrics_is_refused_and_left_alone():
    model = HidesMetrics()
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    with pytest.raises(ValueError, match="property `metrics`.*HidesMetrics"):
        fit(model, *toys.data(), 1, callbacks=[drw(0)])
    assert "compute_loss" not in vars(model)
