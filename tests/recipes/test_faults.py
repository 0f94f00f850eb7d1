"""Runs that are killed and go on, to the bit, and what they do when nothing goes on."""

import errno
import json
import operator
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

import checkpoint
import common
import digits_lt
import h5py
import keras
import lives
import numpy as np
import pytest
import settings
import stopping
import training
from absl import flags
from absl.testing import flagsaver

FLAGS = flags.FLAGS
BACKEND = keras.backend.backend()
# A life takes two to three seconds on TensorFlow and PyTorch, more on JAX, to compile.
KILLS = {"tensorflow": (13, 7), "torch": (4, 0), "jax": (2, 0)}[BACKEND]


def saved(folder):
    """State and arrays of the last checkpoint: weights, class means, optimizer."""
    last = sorted(folder.glob("epoch-*"))[-1]
    state = json.loads((last / "state.json").read_text())
    del state["history"]["seconds"]
    arrays = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with h5py.File(last / "model.weights.h5") as file:
        file.visititems(keep)
    return state, arrays


@pytest.mark.parametrize(
    ("kills", "arguments"),
    [
        (KILLS[0], ["balanced_softmax", "spa_slerp"]),
        pytest.param(
            KILLS[1],
            [
                *("ldam_drw", "spa_reg", "--spa_start=0.2", "--steps_per_execution=2"),
                *("--augment=crop_flip", "--augment_on=host"),
            ],
            marks=pytest.mark.skipif(not KILLS[1], reason="time"),
        ),
    ],
)
def test_killed_at_random_moments_it_ends_as_if_never_killed(
    tmp_path, kills, arguments
):
    seed = time.time_ns() % 2**32
    command = [sys.executable, lives.__file__, tmp_path, seed, kills, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    print(f"seed {seed}\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    codes, events, left = zip(*map(json.loads, done.stdout.splitlines()), strict=True)
    assert codes == (*[-signal.SIGKILL] * kills, 143, 143, 0, 0)
    assert all(events[:-2])
    assert any("-step-" in name for name in left[kills])
    state, arrays = saved(tmp_path / "parts")
    whole_state, whole_arrays = saved(tmp_path / "whole")
    assert state == whole_state
    assert len(state["history"]["loss"]) == lives.EPOCHS
    assert {name.split("/")[0] for name in arrays} >= {"class_means", "optimizer"}
    assert arrays.keys() == whole_arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, whole_arrays[name], err_msg=name)


SMALL = ["--batch_size=4", "--noverbose", "--smoke"]


@pytest.fixture
def parsed(tmp_path):
    with flagsaver.flagsaver():

        def parse(*arguments):
            FLAGS.unparse_flags()
            settings.parse(FLAGS, ["test", *SMALL, *arguments], lives.TASK)

        yield parse


def train(folder):
    return training.train(lives.TASK, "ce", "spa_reg", 1, folder)


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three_epochs")
    with flagsaver.flagsaver():
        FLAGS.unparse_flags()
        settings.parse(FLAGS, ["test", *SMALL, "--epochs=3"], lives.TASK)
        train(folder)
    return folder


@pytest.fixture
def trained(parsed, three_epochs, tmp_path):
    """Folder of a run of three epochs, and the flags of one of four."""
    parsed("--epochs=4")
    return pathlib.Path(shutil.copytree(three_epochs, tmp_path / "run"))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("name", ["model.weights.h5", "state.json", "SHA256"])
@pytest.mark.parametrize(
    "damage", [truncate, lambda path: path.unlink(), lambda path: path.write_text("{")]
)
def test_damaged_checkpoint_is_named_and_the_one_before_goes_on(
    trained, capsys, name, damage
):
    damage(trained / "epoch-000003" / name)
    history = train(trained)["history"]
    warning = capsys.readouterr().err.strip().splitlines()
    assert len(warning) == 1
    assert f"{trained / 'epoch-000003' / name} is missing or not as" in warning[0]
    assert warning[0].endswith(f"going on from {trained / 'epoch-000002'}")
    assert len(history["loss"]) == 4


def test_nothing_but_damage_ends_in_one_line(trained):
    for path in trained.iterdir():
        truncate(path / "model.weights.h5")
    with pytest.raises(stopping.Stopped, match="epoch-000002/model.weights.h5") as told:
        train(trained)
    assert told.value.code == 2
    assert f"delete {trained}" in str(told.value)
    assert len(list(trained.iterdir())) == 2  # nothing was removed


def test_full_disk_keeps_the_last_checkpoint(trained):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (trained / "epoch-000003/model.weights.h5").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limit[1]))
    try:
        with pytest.raises(stopping.Stopped, match="Could not save") as told:
            train(trained)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert told.value.code == 2
    assert os.strerror(errno.EFBIG) in str(told.value)
    assert f"last good checkpoint is {trained / 'epoch-000003'};" in str(told.value)
    assert sorted(path.name for path in trained.iterdir()) == [
        "epoch-000002",
        "epoch-000003",
    ]
    assert len(train(trained)["history"]["loss"]) == 4


def job(output, *arguments):
    FLAGS.unparse_flags()
    arguments = ["digits_lt.py", f"--output_dir={output}", *arguments]
    settings.parse_and_check(arguments, digits_lt.TASK)
    common.job(digits_lt.TASK)


ONE = ["--smoke", "--method=ce", "--alignment=none"]


def test_output_that_cannot_be_written_ends_in_one_line(parsed, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as stopped:
        job(tmp_path / "file", *ONE)
    assert stopped.value.code == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_checkpoint_stays_until_the_result_is_written(
    parsed, tmp_path, capsys, monkeypatch
):
    def full(path, result):
        if path.parent.name == "runs":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, result)

    real = common.results.write_result
    monkeypatch.setattr(common.results, "write_result", full)
    with pytest.raises(SystemExit) as stopped:
        job(tmp_path, *ONE)
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "No space left on device" in error[0]
    (left,) = (tmp_path / "checkpoints").iterdir()
    assert (left / "epoch-000001").is_dir()
    monkeypatch.setattr(common.results, "write_result", real)
    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_end", None)  # not again
    job(tmp_path, *ONE)
    assert not left.exists()


def test_nan_stops_with_step_and_last_good_checkpoint(trained, monkeypatch):
    real, calls = keras.losses.SparseCategoricalCrossentropy.call, []

    def call(self, y, logits):
        calls.append(None)
        return real(self, y, logits) * (np.nan if len(calls) == 3 else 1.0)

    monkeypatch.setattr(keras.losses.SparseCategoricalCrossentropy, "call", call)
    with pytest.raises(stopping.Diverged) as told:
        train(trained)
    assert told.value.code == 3
    assert "loss is nan in epoch 4, step 3." in str(told.value)
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.iterdir())[-1] == "epoch-000003"


def test_weights_that_are_not_finite_are_not_saved(trained, monkeypatch):
    class Spoils(training.EpochLines):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.variables[-1].assign(
                self.model.optimizer.variables[-1] * np.inf
            )

    monkeypatch.setattr(training, "EpochLines", Spoils)
    with pytest.raises(stopping.Diverged, match="not finite after epoch 4") as told:
        train(trained)
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.iterdir())[-1] == "epoch-000003"


def wait_for(condition):
    deadline = time.time() + 120
    while not condition() and time.time() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.skipif(
    BACKEND != "tensorflow",
    reason="signals and processes are the same on all backends; start-up costs much",
)
def test_workers_stop_with_their_job(tmp_path):
    def start():
        command = [sys.executable, digits_lt.__file__, "--method=ce", "--jobs=2"]
        command += ["--alignment=none", "--seeds=0,1", "--steps_per_execution=1"]
        command += [f"--output_dir={tmp_path}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def last_checkpoints():
        """Of both runs, as soon as both have one."""
        folders = (tmp_path / "checkpoints").glob("*")
        last = [max(folder.glob("epoch-*"), default=None) for folder in folders]
        return sorted(last) if len(last) == 2 and None not in last else []

    def workers(process):
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        return [pathlib.Path("/proc", child) for child in children.read_text().split()]

    first = start()
    wait_for(last_checkpoints)
    children = workers(first)
    assert len(children) >= 2
    first.terminate()
    output = first.communicate(timeout=120)[0].splitlines()
    assert first.returncode == 143
    assert "Stopped by SIGTERM. The same command goes on from here." in output
    assert sum("-seed1: Stopped by SIGTERM " in line for line in output) == 1
    wait_for(lambda: not any(child.exists() for child in children))
    left = last_checkpoints()
    second = start()
    wait_for(lambda: all(map(operator.gt, last_checkpoints(), left)))
    children = workers(second)
    second.kill()
    second.communicate()
    wait_for(lambda: not any(child.exists() for child in children))
