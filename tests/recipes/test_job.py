"""What a job leaves behind, and what it refuses."""

import errno
import re

import keras
import numpy as np
import pytest
from jobs import ONE, run

from engine import storage
from keras_spa.training import checkpoint


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C in the n-th training."""

    def __init__(self, training):
        super().__init__()
        self.left = training

    def on_train_begin(self, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("recipe", "arguments", "message"),
    [
        ("cifar10_lt", ["--data=npz:nowhere.npz"], "nowhere.npz"),
        ("imagenet_lt", ["--data_dir=nowhere"], "nowhere"),
    ],
)
def test_missing_data_end_in_one_line_and_code_2(
    recipe, arguments, message, capsys, tmp_path
):
    with pytest.raises(SystemExit) as stopped:
        run(recipe, *arguments, f"--output_dir={tmp_path / 'new'}")
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(message, line)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_model_is_trained_again_if_it_was_not_exported(tmp_path, capsys):
    def trained(*arguments):
        run("digits_lt", *ONE, *arguments, f"--output_dir={tmp_path / 'output'}")
        return capsys.readouterr().out

    export = f"--export_dir={tmp_path / 'models'}"
    assert "[ 1/1]" in trained()
    assert "there already: 1" in trained()
    assert "[ 1/1]" in trained(export)
    assert (tmp_path / "models/ce-none-if50-seed0.keras").exists()
    assert "there already: 1" in trained(export)
    with pytest.raises(SystemExit):
        run(
            *("digits_lt", *ONE, "--weight_decay=0.1", export),
            f"--output_dir={tmp_path / 'other'}",
        )
    error = capsys.readouterr().err
    assert re.search("models.*seed0.json is of another configuration: weight_d", error)


def test_a_result_is_kept_for_the_same_and_guarded_from_another_configuration(
    tmp_path, capsys
):
    where = [*ONE, f"--output_dir={tmp_path}"]
    run("digits_lt", *where)
    (path,) = (tmp_path / "runs").glob("*.json")
    before = path.read_bytes()
    run("digits_lt", *where)
    assert "there already: 1" in capsys.readouterr().out
    assert path.read_bytes() == before
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where, "--learning_rate=0.3")
    assert stopped.value.code == 2
    assert "learning_rate is 0.1 there and 0.3 here" in capsys.readouterr().err
    assert path.read_bytes() == before


DAMAGES = ["", "{", "[]", "null", "3", "{}", '{"flags": 3}', b"\xff"]


@pytest.mark.parametrize("name", ["runs/{}.json", "checkpoints/{}/settings.json"])
def test_a_damaged_file_of_an_earlier_job_is_named(name, tmp_path, capsys):
    path = tmp_path / name.format("ce-none-if50-seed0")
    path.parent.mkdir(parents=True)
    for damage in DAMAGES:
        path.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
        before = path.read_bytes()
        with pytest.raises(SystemExit) as stopped:
            run("digits_lt", *ONE, f"--output_dir={tmp_path}")
        assert stopped.value.code == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert str(path if name.startswith("runs") else path.parent) in line, damage
        assert path.read_bytes() == before


def test_interrupted_job_keeps_its_results(tmp_path, capsys):
    where = ["--smoke", "--method=ce", f"--output_dir={tmp_path}"]
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where, callbacks=[Interrupt(training=2)])
    assert stopped.value.code == 130
    assert "The same command goes on" in capsys.readouterr().out
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert (tmp_path / "table.md").exists()


def test_a_begun_run_is_not_continued_with_other_settings(tmp_path, capsys):
    where = ["digits_lt", *ONE, f"--output_dir={tmp_path}"]
    other = [*where, "--learning_rate=0.3"]
    with pytest.raises(SystemExit):
        run(*where, callbacks=[Interrupt(training=1)])
    with pytest.raises(SystemExit) as stopped:
        run(*other)
    assert stopped.value.code == 2
    assert "learning_rate is 0.1 there and 0.3 here" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:  # begins anew, and is stopped again
        run(*other, "--noresume", callbacks=[Interrupt(training=1)])
    assert stopped.value.code == 130


@pytest.mark.parametrize("flag", ["output_dir", "export_dir", "tensorboard_dir"])
def test_what_cannot_be_written_is_told_before_the_training(flag, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    where = [f"--output_dir={tmp_path / 'output'}", f"--{flag}={tmp_path / 'file'}"]
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *ONE, *where, callbacks=[Interrupt(training=1)])
    assert stopped.value.code == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_images_and_classes_that_the_network_does_not_fit_are_refused(tmp_path, capsys):
    images = np.zeros((200, 8, 8), "uint8")
    labels = np.arange(200) % 100
    arrays = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    np.savez(tmp_path / "grey.npz", **arrays)
    colour = np.zeros((200, 32, 32, 3), "uint8")
    np.savez(tmp_path / "many.npz", **{**arrays, "x_train": colour, "x_test": colour})
    for name, message in (
        ("grey", r"takes images of shape \(32, 32, 3\); .* have \(8, 8, 1\)"),
        ("many", "needs at least 99 features .* has 64"),
    ):
        arguments = ["--method=etf_dr", "--imbalance_factor=1", "--seed=0"]
        with pytest.raises(SystemExit) as stopped:
            run(
                *("cifar10_lt", *arguments, f"--data=npz:{tmp_path / name}.npz"),
                f"--output_dir={tmp_path / 'output'}",
            )
        assert stopped.value.code == 2
        assert re.search(message, capsys.readouterr().err)


def test_checkpoint_stays_until_the_result_is_written(tmp_path, capsys, monkeypatch):
    def full(path, result):
        if path.parent.name == "runs":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, result)

    real, where = storage.write_result, [*ONE, f"--output_dir={tmp_path}"]
    monkeypatch.setattr(storage, "write_result", full)
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "No space left on device" in line
    (left,) = (tmp_path / "checkpoints").iterdir()
    assert (left / "epoch-000001").is_dir()
    monkeypatch.setattr(storage, "write_result", real)
    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_end", None)  # not again
    run("digits_lt", *where)
    assert not left.exists()
