import csv

import keras
import numpy as np
import pytest

import keras_spa as spa


@pytest.fixture
def data():
    random = np.random.RandomState(0)
    labels = np.repeat([0, 1, 2], [15, 8, 4])
    return random.randn(len(labels), 5).astype("float32"), labels


def compiled(spa_model):
    layers = [keras.Input((5,)), keras.layers.Dense(6, "relu")]
    if spa_model:
        model = spa.SpAModel(keras.Sequential(layers), keras.layers.Dense(3))
    else:
        model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    return model


@pytest.mark.parametrize("spa_model", [True, False])
def test_logs_what_diagnose_finds(data, spa_model, tmp_path):
    model = compiled(spa_model)
    monitor = spa.callbacks.CollapseMonitor(data, every=2, prefix="train_")
    written = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = model.fit(
        *data, epochs=4, callbacks=[monitor, written], verbose=0
    ).history
    assert sorted(monitor.reports) == [0, 2, 3]
    final = spa.diagnose(model, data, verbose=0).metrics
    assert monitor.reports[3].metrics == pytest.approx(final, rel=1e-4)
    assert monitor.reports[0].metrics["nc1"] != pytest.approx(final["nc1"], rel=1e-4)
    for name, value in final.items():
        logged = history[f"train_{name}"]
        assert np.isnan(logged).tolist() == [False, True, False, False]
        assert logged[3] == pytest.approx(value, rel=1e-4)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[3]["train_nc1"]) == pytest.approx(final["nc1"], rel=1e-4)


class Stop(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == 3


def test_every_counts_from_the_first_epoch_to_the_one_that_is_the_last(data):
    model = compiled(False)
    monitor = spa.callbacks.CollapseMonitor(data, every=2)
    model.fit(*data, initial_epoch=1, epochs=7, callbacks=[monitor], verbose=0)
    assert sorted(monitor.reports) == [1, 3, 5, 6]
    monitor = spa.callbacks.CollapseMonitor(data, every=5)
    logs = model.fit(*data, epochs=10, callbacks=[Stop(), monitor], verbose=0).history
    assert sorted(monitor.reports) == [0, 3]
    assert np.isfinite(logs["nc1"][3])


def test_training_is_the_same_with_and_without(data):
    outcomes = []
    for callbacks in ([], [spa.callbacks.CollapseMonitor(data)]):
        keras.utils.set_random_seed(3)
        model = compiled(True)
        model.fit(*data, epochs=2, callbacks=callbacks, verbose=0)
        outcomes.append(model.get_weights())
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(a, b)


def test_writes_to_tensorboard(data, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    monitor = spa.callbacks.CollapseMonitor(data)
    board = keras.callbacks.TensorBoard(tmp_path)
    compiled(True).fit(*data, callbacks=[monitor, board], verbose=0)
    events = event_accumulator.EventAccumulator(str(tmp_path / "train"))
    assert "epoch_nc3_cosine" in events.Reload().Tags()["tensors"]


def test_bad_input(data):
    with pytest.raises(ValueError, match="every"):
        spa.callbacks.CollapseMonitor(data, every=0)
