"""Artifacts give the numbers of the models they came from, whatever their format."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import PIL.Image
import pytest
from exports import FORMATS

import digits_lt
import evaluate as script
import keras_spa as spa
from engine import artifact, storage
from engine.evaluation import evaluate
from engine.registry import RECIPES

BACKEND = keras.backend.backend()
SHAPE, COUNTS = (8, 8, 3), [120, 40, 10]


def split(counts, seed):
    """Noise, brighter in the channel of the class."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(len(counts)), counts).astype("int32")
    images = random.randint(0, 200, (len(labels), *SHAPE))
    images += 30 * np.eye(4, dtype=int)[labels, None, None, :3]
    return spa.data.Split(images.astype("uint8"), labels)


@pytest.fixture(scope="module")
def data():
    splits = split(COUNTS, 0), split([5, 5, 5], 1), split([30, 30, 30], 2)
    return spa.data.LongTailedData("noise", *splits, class_names=("a", "b", "c"))


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE, dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    backbone = keras.Model(inputs, keras.layers.Flatten()(x))
    model = spa.SpAModel(backbone, keras.layers.Dense(3), spa.SpAProj())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    model.fit(*data.train, epochs=15, verbose=0)
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for name, kind in FORMATS.items():
        if kind:
            model.export(folder / name, kind, verbose=False)
        else:
            model.save(folder / name)
    return folder


@pytest.mark.parametrize("name", FORMATS)
def test_an_artifact_scores_as_evaluate_does(model, exported, data, name):
    scores = evaluate(artifact.load(exported / name), data, "test", 32)
    live = model.evaluate(*data.test, verbose=0, return_dict=True)
    assert scores.images == 90
    assert 50 < scores.accuracies()["all"] < 100
    assert scores.accuracies()["all"] == pytest.approx(100 * live["accuracy"])
    assert scores.result()["log_loss"] == pytest.approx(live["loss"], abs=1e-5)


@pytest.mark.skipif(BACKEND == "torch", reason="Keras writes no SavedModel there")
def test_a_saved_model_is_asked_in_the_dtype_of_the_images(exported, data):
    loaded = artifact.load(exported / "model")
    images = data.test.images[:4]
    half = images - np.float32(0.25)  # 0 to 255 after rounding
    for one, other in zip(loaded(images), loaded(half), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("activation", [None, "softmax"])
def test_any_keras_classifier_is_understood(tmp_path, data, activation):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    layers.append(keras.layers.Dense(3, activation))
    plain = keras.Sequential([keras.Input(SHAPE), *layers])
    plain.save(tmp_path / "plain.keras")
    output = keras.ops.convert_to_numpy(plain(data.test.images))
    logits, probabilities = artifact.load(tmp_path / "plain.keras")(data.test.images)
    if activation:
        np.testing.assert_allclose(probabilities, output, atol=1e-6)
        np.testing.assert_allclose(np.exp(logits), output, atol=1e-6)
    else:
        np.testing.assert_allclose(logits, output, atol=1e-6)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
        powers = np.exp(output)
        expected = powers / powers.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_a_folder_of_images_is_read_in_the_size_of_the_model(tmp_path, model, exported):
    for number, brightness in enumerate((10, 100, 240)):
        for kind, count in (("train", 2 + number), ("test", 4)):
            folder = tmp_path / kind / f"class{number}"
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = np.full((9, 12, 3), brightness + i, "uint8")
                PIL.Image.fromarray(pixels).save(folder / f"{i}.png")
    data = spa.data.load(f"folder:{tmp_path}")
    scores = evaluate(artifact.load(exported / "model.keras"), data, "test", 32)
    pixels = np.repeat([10, 100, 240], 4) + np.tile(range(4), 3)
    images = np.ones((12, *SHAPE), "uint8") * pixels[:, None, None, None].astype(
        "uint8"
    )
    logits = keras.ops.convert_to_numpy(model(images))
    confusion = np.zeros((3, 3), int)
    for label, row in zip(np.repeat([0, 1, 2], 4), logits, strict=True):
        confusion[label, row.argmax()] += 1
    np.testing.assert_array_equal(scores.confusion, confusion)


def test_what_does_not_fit_is_refused(tmp_path, exported, data):
    loaded = artifact.load(exported / "model.keras")
    with pytest.raises(ValueError, match="four has 4 classes; the model tells 3 apart"):
        evaluate(loaded, _four_classes(), "test", 32)
    gray = spa.data.Split(data.test.images[..., :1], data.test.labels)
    other = spa.data.LongTailedData("gray", data.train, None, gray, ("a", "b", "c"))
    with pytest.raises(ValueError, match=r"shape \(8, 8, 3\), not \(8, 8, 1\)"):
        evaluate(loaded, other, "test", 32)
    none = spa.data.LongTailedData("no test", data.train, None, None, ("a", "b", "c"))
    with pytest.raises(ValueError, match="no test has no test images"):
        evaluate(loaded, none, "test", 32)
    with pytest.raises(ValueError, match="holds no saved_model.pb"):
        artifact.load(tmp_path)
    with pytest.raises(ValueError, match="is no such file or folder"):
        artifact.load(tmp_path / "nothing.keras")
    (tmp_path / "broken.keras").write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="broken.keras cannot be loaded by Keras"):
        artifact.load(tmp_path / "broken.keras")


def _four_classes():
    splits = split([5] * 4, 0), None, split([5] * 4, 1)
    return spa.data.LongTailedData("four", *splits, class_names=tuple("abcd"))


def test_code_in_a_keras_file_is_not_run(tmp_path):
    layers = [keras.layers.Lambda(lambda x: x + 1), keras.layers.Dense(3)]
    keras.Sequential([keras.Input((4,)), *layers]).save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match="cannot be loaded by Keras.*[Ll]ambda"):
        artifact.load(tmp_path / "lambda.keras")


@pytest.mark.long
@pytest.mark.process
def test_it_prints_the_accuracy_of_the_training(tmp_path):
    """Both commands, as people run them."""
    models, name = tmp_path / "models", "ce-spa_reg-if10-seed0"

    def run(script, *arguments):
        command = [sys.executable, script.__file__, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(
        *(digits_lt, "--method=ce", "--alignment=spa_reg", "--seed=0", "--epochs=40"),
        "--imbalance_factor=10",
        *(f"--export_dir={models}", f"--output_dir={tmp_path / 'output'}"),
    )
    trained = json.loads((tmp_path / f"output/runs/{name}.json").read_text())
    assert trained["accuracy"]["all"] > 30
    kinds = (".keras",) if BACKEND == "torch" else (".keras", "")
    for kind in kinds:
        printed = run(script, f"--saved_model={models / (name + kind)}")
        cells = printed.split("\n| 500 ")[1].splitlines()[0].split("|")
        assert float(cells[1]) == round(trained["accuracy"]["all"], 1)
        written = tmp_path / "output/evaluate" / (name + kind)
        evaluation = json.loads((written / "evaluation.json").read_text())
        for shots, accuracy in trained["accuracy"].items():
            assert evaluation["accuracy"][shots] == pytest.approx(accuracy)
        confusion = np.load(written / "confusion.npy", allow_pickle=False)
        assert confusion.trace() / 5 == pytest.approx(trained["accuracy"]["all"])
        assert (written / "picture.png").exists()
        assert "taken for" in (written / "table.md").read_text()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--data is missing"),
        ("{", "model.json is damaged"),
        ("{}", "model.json is no result of a run: it lacks dataset"),
        ('"dataset": "birds"', "model.json is of no recipe: dataset is 'birds'"),
        ('"flags": {"epochs": "many"}', "model.json: invalid literal for int()"),
        ('"flags": {"depth": 8}', "model.json: its flags cannot be read: KeyError('de"),
    ],
)
def test_a_damaged_result_beside_a_model_is_named(
    tmp_path, exported, monkeypatch, capsys, content, message
):
    shutil.copy(exported / "model.keras", tmp_path)
    if content and content.startswith('"'):
        result = dict.fromkeys(storage.NEEDED, 0)
        result |= {"dataset": RECIPES["digits_lt"].title, "method": "ce", "flags": {}}
        result |= {"alignment": "none", **json.loads("{" + content + "}")}
        content = json.dumps(result)
    if content:
        (tmp_path / "model.json").write_text(content)
    path = tmp_path / "model.keras"
    monkeypatch.setattr(sys, "argv", ["evaluate.py", f"--saved_model={path}"])
    with pytest.raises(SystemExit) as stopped:
        script.main()
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_an_output_dir_that_is_a_file_is_told(tmp_path, exported, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr(script, "load_data", lambda path, values: (None, "test"))
    paths = exported / "model.keras", tmp_path / "file"
    arguments = [f"--saved_model={paths[0]}", f"--output_dir={paths[1]}"]
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        script.main()
    assert stopped.value.code == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--saved_model=PATH is missing: a folder or a file"),
        (("--saved_model=nothing",), "nothing is no such file or folder: expected the"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        script.main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
