"""Runs that stop and go on end as if they had never stopped."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from lives import TASK, load

import digits_lt
import keras_spa as spa
from engine import config, job, run

FLAGS = flags.FLAGS


@pytest.fixture
def parsed(tmp_path):
    with flagsaver.flagsaver():
        FLAGS.unparse_flags()

        def parse(*arguments):
            config.parse(FLAGS, ["test", f"--output_dir={tmp_path}", *arguments], TASK)

        yield parse


class StopBefore(keras.callbacks.Callback):
    """Epoch lines, and Ctrl-C before an epoch."""

    def __init__(self, lines, epoch):
        super().__init__()
        self.lines, self.epoch = lines(), epoch

    def on_epoch_begin(self, epoch, logs=None):
        self.lines.on_epoch_begin(epoch, logs)
        if epoch == self.epoch:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        self.lines.on_epoch_end(epoch, logs)


def outcome(result):
    """What must not depend on interruptions."""
    history = {name: v for name, v in result["history"].items() if name != "seconds"}
    names = ("accuracy", "train_accuracy", "cosine_per_class")
    return history, {name: result[name] for name in names}


@pytest.mark.parametrize(
    ("method", "alignment", "arguments"),
    [
        ("ce", "spa_reg", []),
        ("balanced_softmax", "spa_slerp", ["--augment=crop_flip"]),
        ("ce", "spa_proj", ["--augment=crop_flip", "--augment_on=host"]),
        ("ldam_drw", "spa_slerp", ["--spa_start=0.5"]),
        (
            "ce",
            "spa_reg",
            ["--spa_start=0.5", "--augment=crop_flip", "--augment_on=host"],
        ),
    ],
)
def test_interrupted_run_ends_like_an_uninterrupted_one(
    parsed, tmp_path, monkeypatch, method, alignment, arguments
):
    parsed("--epochs=5", "--batch_size=4", "--noverbose", *arguments)
    run = functools.partial(run.train, TASK, method, alignment, 1)
    whole = run(tmp_path / "whole")
    assert len(whole["history"]["loss"]) == 5
    lines = run.EpochLines
    for epoch in (1, 3):  # stopped twice
        monkeypatch.setattr(
            training, "EpochLines", functools.partial(StopBefore, lines, epoch)
        )
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts")
        left = json.loads((tmp_path / f"parts/epoch-{epoch:06}/state.json").read_text())
        assert len(left["history"]["loss"]) == left["epoch"] == epoch
    monkeypatch.setattr(training, "EpochLines", lines)
    assert outcome(run(tmp_path / "parts")) == outcome(whole)


def test_killed_job_goes_on_and_ends_with_the_same_weights(tmp_path):
    def command(name):
        return [
            *(sys.executable, digits_lt.__file__, "--method=ce", "--alignment=spa_reg"),
            *("--seed=0", "--epochs=5", f"--output_dir={tmp_path / name}"),
            f"--export_dir={tmp_path / name}",
        ]

    subprocess.run(command("whole"), check=True, capture_output=True)
    killed = subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL)
    checkpoints = tmp_path / "killed" / "checkpoints"
    deadline = time.time() + 120
    while not list(checkpoints.glob("*/epoch-*")) and time.time() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert list(checkpoints.glob("*/epoch-*")), "killed before or after its training"
    subprocess.run(command("killed"), check=True, capture_output=True)
    name = "ce-spa_reg-if50-seed0"
    found = [
        json.loads((tmp_path / folder / "runs" / f"{name}.json").read_text())
        for folder in ("whole", "killed")
    ]
    assert outcome(found[0]) == outcome(found[1])
    models = [
        keras.saving.load_model(tmp_path / folder / f"{name}.keras")
        for folder in ("whole", "killed")
    ]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_precision_export_and_tensorboard(parsed, tmp_path):
    try:
        parsed(
            "--epochs=1",
            "--mixed_precision=mixed_bfloat16",
            f"--export_dir={tmp_path / 'export'}",
            f"--tensorboard_dir={tmp_path / 'logs'}",
        )
        run.train(TASK, "ce", "spa_slerp", 0, tmp_path / "name-if2.5")
    finally:
        keras.config.set_dtype_policy("float32")
    model = keras.saving.load_model(tmp_path / "export" / "name-if2.5.keras")
    assert model.backbone.layers[-1].compute_dtype == "bfloat16"
    assert model.backbone.layers[-1].variable_dtype == "float32"
    assert list((tmp_path / "logs" / "name-if2.5").rglob("events*"))
    if keras.backend.backend() != "torch":
        assert (tmp_path / "export" / "name-if2.5" / "saved_model.pb").exists()


def test_epoch_lines_say_what_is_left(parsed, tmp_path, capsys):
    parsed("--epochs=2")
    run.train(TASK, "ce", "none", 0, tmp_path / "name")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch   1/2  ")
    assert "accuracy 0." in second
    assert second.endswith("0 min left")


@pytest.mark.parametrize("arguments", [[], ["--steps_per_execution=0"]])
def test_validation_enters_the_history_and_changes_nothing(parsed, tmp_path, arguments):
    common_arguments = ["--epochs=4", "--batch_size=4", "--noverbose", *arguments]
    results = []
    for every in ("0", "2"):
        parsed(
            *common_arguments, f"--validate_every={every}", "--validation_per_class=1"
        )
        results.append(run.train(TASK, "ce", "spa_reg", 0, tmp_path / every))
    plain, looked = (result["history"] for result in results)
    assert len(looked["val_accuracy"]) == 2
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert plain["loss"] == looked["loss"]


def test_weight_decay_joins_the_gradient():
    variable = keras.Variable([2.0])
    optimizer = run.CoupledSGD(0.5, l2=0.1, momentum=0.9)
    velocity, value = 0.0, 2.0
    for gradient in (1.0, -3.0, 0.5):
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [variable])
        velocity = 0.9 * velocity + gradient + 0.1 * value  # as PyTorch's SGD
        value -= 0.5 * velocity
    np.testing.assert_allclose(variable.numpy(), [value], rtol=1e-6)
    assert run.CoupledSGD.from_config(optimizer.get_config()).l2 == 0.1


def rates(parsed, epochs, steps, *arguments):
    parsed(f"--epochs={epochs}", *arguments)
    schedule = run.optimizer(0.1, steps)._learning_rate
    return [float(schedule(step)) for step in range(epochs * steps)]


def test_steps_schedule_is_that_of_ldam_drw(parsed):
    measured = rates(parsed, 20, 3, "--warmup_epochs=5")
    expected = [0.02, 0.04, 0.06, 0.08, 0.1, *[0.1] * 11, *[1e-3] * 2, *[1e-5] * 2]
    np.testing.assert_allclose(measured, np.repeat(expected, 3), rtol=1e-6)


def test_steps_schedule_without_warm_up(parsed):
    measured = rates(parsed, 10, 2, "--decay_factors=0.1,0.01")
    expected = [0.1] * 8 + [0.01, 0.001]
    np.testing.assert_allclose(measured, np.repeat(expected, 2), rtol=1e-6)


def test_cosine_schedule_rises_then_falls(parsed):
    measured = rates(parsed, 10, 10, "--schedule=cosine", "--warmup_epochs=2")
    assert np.argmax(measured) == 20
    assert max(measured) == pytest.approx(0.1)
    assert np.all(np.diff(measured[:21]) > 0)
    assert np.all(np.diff(measured[20:]) < 0)
    assert measured[-1] < 1e-4


def test_data_from_files_are_read_by_the_pipeline(parsed, tmp_path):
    from PIL import Image

    data = load(0)
    paths = []
    for i, image in enumerate(data.train.images):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(image).save(paths[-1])
    files = spa.data.Split(spa.data.ImageFiles(paths), data.train.labels)
    task = job.Task(
        "files",
        lambda seed: spa.data.LongTailedData(
            "files", files, None, files, data.class_names
        ),
        lambda: keras.Sequential(
            [keras.Input((224, 224, 3)), keras.layers.GlobalAveragePooling2D()]
        ),
        lambda: 3,
        3,
    )
    parsed("--epochs=2", "--batch_size=4", "--noverbose", "--smoke")
    result = run.train(task, "ce", "none", 0, tmp_path / "run")
    assert np.all(np.isfinite(result["history"]["loss"]))


def test_accuracies_are_percent_of_all_by_shots_and_by_class():
    report = spa.CollapseReport(
        class_names=list("abcd"),
        class_counts=[500, 100, 30, 5],
        images=[2, 2, 4, 0],
        dimension=3,
        accuracy=0.75,
        accuracy_per_class=[1.0, 0.5, 0.75, float("nan")],
        cosine_per_class=[1.0] * 4,
        exponent_per_class=[1.0] * 4,
        metrics={},
        notes=[],
    )
    assert run.accuracies(report) == {
        "all": 75.0,
        "many": 100.0,
        "medium": 62.5,
        "few": None,
        "per_class": [100.0, 50.0, 75.0, None],
    }
