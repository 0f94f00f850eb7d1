"""Damaged checkpoints, full disks, NaN: one line, and the last good state is kept."""

import errno
import os
import pathlib
import resource
import shutil

import lives
import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver

import digits_lt
from engine import checkpoint, config, job, run, signals

FLAGS = flags.FLAGS
SMALL = ["--batch_size=4", "--noverbose", "--smoke"]


@pytest.fixture
def parsed(tmp_path):
    with flagsaver.flagsaver():

        def parse(*arguments):
            FLAGS.unparse_flags()
            config.parse(FLAGS, ["test", *SMALL, *arguments], lives.TASK)

        yield parse


def train(folder):
    return run.train(lives.TASK, "ce", "spa_reg", 1, folder)


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three_epochs")
    with flagsaver.flagsaver():
        FLAGS.unparse_flags()
        config.parse(FLAGS, ["test", *SMALL, "--epochs=3"], lives.TASK)
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
    with pytest.raises(signals.Stopped, match="epoch-000002/model.weights.h5") as told:
        train(trained)
    assert told.value.code == 2
    assert f"delete {trained}" in str(told.value)
    assert len(list(trained.iterdir())) == 2  # nothing was removed


def test_full_disk_keeps_the_last_checkpoint(trained):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (trained / "epoch-000003/model.weights.h5").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limit[1]))
    try:
        with pytest.raises(signals.Stopped, match="Could not save") as told:
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
    config.parse_and_check(arguments, digits_lt.TASK)
    job.job(digits_lt.TASK)


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

    real = job.storage.write_result
    monkeypatch.setattr(job.results, "write_result", full)
    with pytest.raises(SystemExit) as stopped:
        job(tmp_path, *ONE)
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1
    assert "No space left on device" in error[0]
    (left,) = (tmp_path / "checkpoints").iterdir()
    assert (left / "epoch-000001").is_dir()
    monkeypatch.setattr(job.results, "write_result", real)
    monkeypatch.setattr(checkpoint.Checkpoint, "on_epoch_end", None)  # not again
    job(tmp_path, *ONE)
    assert not left.exists()


def test_nan_stops_with_step_and_last_good_checkpoint(trained, monkeypatch):
    class Spoils(run.EpochLines):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                bias = self.model.classifier.bias
                bias.assign(np.full(bias.shape, np.nan))

    monkeypatch.setattr(training, "EpochLines", Spoils)
    with pytest.raises(signals.Diverged) as told:
        train(trained)
    assert told.value.code == 3
    assert "loss is nan in epoch 4, step 3." in str(told.value)
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.iterdir())[-1] == "epoch-000003"


def test_weights_that_are_not_finite_are_not_saved(trained, monkeypatch):
    class Spoils(run.EpochLines):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.variables[-1].assign(
                self.model.optimizer.variables[-1] * np.inf
            )

    monkeypatch.setattr(training, "EpochLines", Spoils)
    with pytest.raises(signals.Diverged, match="not finite after epoch 4") as told:
        train(trained)
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.iterdir())[-1] == "epoch-000003"
