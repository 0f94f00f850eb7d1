"""Runs that stop and go on end as if they had never stopped."""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import lives
import numpy as np
import pytest

import digits_lt
import keras_spa as spa
from engine.run import accuracies, run
from engine.task import Task


class StopBefore(keras.callbacks.Callback):
    """Ctrl-C before an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def outcome(result):
    """What must not depend on interruptions."""
    history = {name: v for name, v in result["history"].items() if name != "seconds"}
    names = ("accuracy", "train_accuracy", "cosine_per_class")
    return history, {name: result[name] for name in names}


HOST = ("--augment=crop_flip", "--augment_on=host")
OF_VIEWS = [
    ["--method=bcl", "--alignment=spa_slerp_noise", "--augment=crop_flip"],
    ["--method=bcl", "--bcl_hidden_units=8", *HOST],
    ["--method=glmc", "--alignment=spa_slerp_noise", "--augment=crop_flip"],
    ["--method=glmc", "--alignment=spa_proj", "--aligned_head=both", *HOST],
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        [
            *("--method=balanced_softmax", "--alignment=spa_slerp"),
            "--augment=crop_flip",
        ],
        ["--method=ce", "--alignment=spa_proj", *HOST],
        ["--method=ldam_drw", "--alignment=spa_reg", "--spa_start=0.5", *HOST],
        *(pytest.param(arguments, marks=pytest.mark.long) for arguments in OF_VIEWS),
    ],
)
def test_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, arguments):
    config = lives.config("--epochs=5", "--batch_size=4", *arguments)
    whole = run(config, lives.TASK, tmp_path / "whole")
    assert len(whole["history"]["loss"]) == 5
    for epoch in (1, 3):  # stopped twice
        with pytest.raises(KeyboardInterrupt):
            run(config, lives.TASK, tmp_path / "parts", callbacks=[StopBefore(epoch)])
        left = json.loads((tmp_path / f"parts/epoch-{epoch:06}/state.json").read_text())
        assert len(left["history"]["loss"]) == left["epoch"] == epoch
    parts = run(config, lives.TASK, tmp_path / "parts")
    assert outcome(parts) == outcome(whole)


@pytest.mark.long
@pytest.mark.process
def test_killed_job_goes_on_and_ends_with_the_same_weights(tmp_path):
    def command(name):
        return [
            *(sys.executable, digits_lt.__file__, "--method=ce", "--alignment=spa_reg"),
            *("--seed=0", "--epochs=3", f"--output_dir={tmp_path / name}"),
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
    results = [
        json.loads((tmp_path / folder / "runs" / f"{name}.json").read_text())
        for folder in ("whole", "killed")
    ]
    assert outcome(results[0]) == outcome(results[1])
    models = [
        keras.saving.load_model(tmp_path / folder / f"{name}.keras")
        for folder in ("whole", "killed")
    ]
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def test_precision_export_and_tensorboard(tmp_path):
    config = lives.config(
        "--epochs=1",
        "--alignment=spa_slerp",
        "--imbalance_factor=2.5",
        "--mixed_precision=mixed_bfloat16",
        f"--export_dir={tmp_path / 'export'}",
        f"--tensorboard_dir={tmp_path / 'logs'}",
    )
    try:
        run(config, lives.TASK, tmp_path / "checkpoints")
    finally:
        keras.config.set_dtype_policy("float32")
    name = "ce-spa_slerp-if2.5-seed1"
    model = keras.saving.load_model(tmp_path / "export" / f"{name}.keras")
    assert model.backbone.layers[-1].compute_dtype == "bfloat16"
    assert model.backbone.layers[-1].variable_dtype == "float32"
    assert list((tmp_path / "logs" / name).rglob("events*"))
    if keras.backend.backend() != "torch":
        assert (tmp_path / "export" / name / "saved_model.pb").exists()


def test_epoch_lines_say_what_is_left(tmp_path, capsys):
    config = lives.config("--epochs=2", "--verbose")
    run(config, lives.TASK, tmp_path)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch   1/2  ")
    assert "accuracy 0." in second
    assert second.endswith("0 min left")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["--steps_per_execution=0"]])
def test_validation_enters_the_history_and_changes_nothing(tmp_path, arguments):
    results = []
    for every in ("0", "2"):
        config = lives.config(
            *("--epochs=4", "--batch_size=4", "--alignment=spa_reg", *arguments),
            *(f"--validate_every={every}", "--validation_per_class=1"),
        )
        results.append(run(config, lives.TASK, tmp_path / every))
    plain, looked = (result["history"] for result in results)
    assert len(looked["val_accuracy"]) == 2
    assert results[0]["accuracy"] == results[1]["accuracy"]
    assert plain["loss"] == looked["loss"]


@pytest.mark.slow
def test_data_from_files_are_read_by_the_pipeline(tmp_path):
    from PIL import Image

    data = lives.load(lives.config())
    paths = []
    for i, image in enumerate(data.train.images):
        paths.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(image).save(paths[-1])
    files = spa.data.Split(spa.data.ImageFiles(paths), data.train.labels)
    task = Task(
        "files",
        lambda config: spa.data.LongTailedData(
            "files", files, None, files, data.class_names
        ),
        lambda config: keras.Sequential(
            [keras.Input((224, 224, 3)), keras.layers.GlobalAveragePooling2D()]
        ),
        lambda config: 3,
        3,
    )
    config = lives.config("--batch_size=4", "--smoke")
    result = run(config, task, tmp_path / "run")
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
    assert accuracies(report) == {
        "all": 75.0,
        "many": 100.0,
        "medium": 62.5,
        "few": None,
        "per_class": [100.0, 50.0, 75.0, None],
    }
