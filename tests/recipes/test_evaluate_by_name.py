"""Classes are matched by name, in whatever order the data have them."""

import sys

import keras
import numpy as np
import pytest

import evaluate as script
import keras_spa as spa
from engine import storage

SHAPE, COUNTS, NAMES = (8, 8, 3), [120, 40, 10], ("ants", "bées", "cats")


def split(counts, seed):
    """Noise, brighter in the channel of the class."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(len(counts)), counts).astype("int32")
    images = random.randint(0, 100, (len(labels), *SHAPE))
    images += 100 * np.eye(3, dtype=int)[labels, None, None]
    return spa.data.Split(images.astype("uint8"), labels)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file with a card, one without, and the data that they were trained on."""
    folder = tmp_path_factory.mktemp("models")
    data = spa.data.LongTailedData(
        "noise", split(COUNTS, 0), None, split([30] * 3, 1), NAMES
    )
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = spa.SpAModel(keras.Model(inputs, x), keras.layers.Dense(3))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(*data.train, epochs=10, verbose=0)
    model.save(folder / "nameless.keras")
    model.card = spa.ModelCard(data.class_names, data.class_counts)
    model.save(folder / "named.keras")
    return folder, data


def archive(path, data, order, names):
    """The data with their classes in another order, all as frequent in training."""
    place = np.argsort(order)
    np.savez(
        path,
        x_train=data.test.images,
        y_train=place[data.test.labels],
        x_test=data.test.images,
        y_test=place[data.test.labels],
        class_names=np.array(names),
    )
    return path


def run(monkeypatch, tmp_path, model, data):
    arguments = [f"--saved_model={model}", f"--data=npz:{data}"]
    arguments.append(f"--output_dir={tmp_path / 'output'}")
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    script.main()
    return storage.read_object(tmp_path / "output" / "evaluation.json")


def test_another_order_of_the_classes_changes_nothing(tmp_path, monkeypatch, model):
    folder, data = model
    results = []
    for order in ([0, 1, 2], [2, 0, 1]):
        names = [NAMES[c] for c in order]
        path = archive(tmp_path / "data.npz", data, order, names)
        results.append(run(monkeypatch, tmp_path, folder / "named.keras", path))
    for name in ("accuracy", "class_counts", "log_loss"):
        assert results[0][name] == results[1][name]
    assert results[0]["accuracy"]["all"] > 90
    assert results[0]["class_counts"] == COUNTS  # those of the training


def test_other_classes_are_refused_in_one_line(tmp_path, monkeypatch, model, capsys):
    folder, data = model
    path = archive(tmp_path / "data.npz", data, [0, 1, 2], ["ants", "bees", "cats"])
    with pytest.raises(SystemExit) as stopped:
        run(monkeypatch, tmp_path, folder / "named.keras", path)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert (
        "1 are not among those, such as 'bees'; 1 are missing, such as 'bées'" in line
    )


def test_a_model_without_names_says_so(tmp_path, monkeypatch, model, capsys):
    folder, data = model
    path = archive(tmp_path / "data.npz", data, [0, 1, 2], ["ants", "bees", "cats"])
    result = run(monkeypatch, tmp_path, folder / "nameless.keras", path)
    assert result["accuracy"]["all"] > 90
    assert "nameless.keras does not name its classes" in capsys.readouterr().out
