"""Damaged checkpoints, full disks, NaN: one line, and the last good state is kept."""

import contextlib
import dataclasses
import errno
import os
import pathlib
import resource
import shutil
import signal
import types

import keras
import lives
import numpy as np
import pytest

from engine.run import run
from keras_spa.training import checkpoint, signals

SMALL = ("--alignment=spa_reg", "--batch_size=4", "--smoke")


def train(folder, epochs=4, callbacks=()):
    config = dataclasses.replace(lives.config(*SMALL), epochs=epochs)
    return run(config, lives.TASK, folder, callbacks=callbacks)


@pytest.fixture(scope="module")
def three_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three_epochs")
    train(folder, epochs=3)
    return folder


@pytest.fixture
def trained(three_epochs, tmp_path):
    """Folder of a run of three epochs, to be continued to four."""
    return pathlib.Path(shutil.copytree(three_epochs, tmp_path / "run"))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


FILES = ("model.weights.h5", "state.json", "SHA256")
DAMAGES = (truncate, lambda path: path.unlink(), lambda path: path.write_text("{"))
EACH_ON_EACH = [  # off the diagonal they are slow together
    pytest.param(name, damage, marks=[pytest.mark.slow] * (i != j))
    for i, name in enumerate(FILES)
    for j, damage in enumerate(DAMAGES)
]


@pytest.mark.parametrize(("name", "damage"), EACH_ON_EACH)
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
    for path in trained.glob("epoch-*"):
        truncate(path / "model.weights.h5")
    with pytest.raises(signals.Stopped, match="epoch-000002/model.weights.h5") as told:
        train(trained)
    assert told.value.code == 2
    assert f"delete {trained}" in str(told.value)
    assert len(list(trained.glob("epoch-*"))) == 2  # nothing was removed


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
    assert sorted(path.name for path in trained.glob("epoch-*")) == [
        "epoch-000002",
        "epoch-000003",
    ]
    assert len(train(trained)["history"]["loss"]) == 4


def test_nan_stops_with_step_and_last_good_checkpoint(trained):
    class Spoils(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                bias = self.model.classifier.bias
                bias.assign(np.full(bias.shape, np.nan))

    with pytest.raises(signals.Diverged) as told:
        train(trained, callbacks=[Spoils()])
    assert told.value.code == 3
    assert "loss is nan in epoch 4, step 3." in str(told.value)
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.glob("epoch-*"))[-1] == "epoch-000003"


def test_weights_that_are_not_finite_are_not_saved(trained):
    class Spoils(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.variables[-1].assign(
                self.model.optimizer.variables[-1] * np.inf
            )

    with pytest.raises(signals.Diverged, match="not finite after epoch 4") as told:
        train(trained, callbacks=[Spoils()])
    assert f"last good checkpoint is {trained / 'epoch-000003'}." in str(told.value)
    assert sorted(path.name for path in trained.glob("epoch-*"))[-1] == "epoch-000003"


class Swallow(keras.callbacks.Callback):
    """Ctrl-C where an exception cannot leave, as in a finalizer."""

    seen = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.seen += 1
        if self.seen == 2:
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)


def test_a_ctrl_c_that_python_drops_is_obeyed_after_the_step(tmp_path):
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signals.listen(signals.leave_job)
    swallow = Swallow()
    try:
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, callbacks=[swallow])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert swallow.seen == 2


def test_hdf5_does_not_begin_what_a_disk_cannot_hold(tmp_path, monkeypatch):
    """It crashes, amid a file, in its own clean-up."""
    model = keras.Sequential([keras.Input((50,)), keras.layers.Dense(40)])
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    whole = tmp_path / "whole.weights.h5"
    checkpoint.save_weights(model, whole)
    for free, fits in ((whole.stat().st_size, False), (2**20, True)):
        usage = types.SimpleNamespace(free=free)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        path = tmp_path / f"{free}.weights.h5"
        told = (
            contextlib.nullcontext()
            if fits
            else pytest.raises(OSError, match="No space")
        )
        with told as error:
            checkpoint.save_weights(model, path)
        assert path.exists() == fits
        if not fits:
            assert error.value.errno == errno.ENOSPC
