"""Training that goes on where it was stopped or killed, as if nothing had happened.

A checkpoint is a folder, `epoch-000012` or in mid-epoch `epoch-000012-step-00000034`:

    model.weights.h5  weights, optimizer, class means, random states
    state.json        epochs and steps done, history, metrics of a begun epoch
    SHA256            checksums of the two, as `sha256sum --check SHA256` reads them

It gets its name when all of it is on the disk. The one before it stays as well, in case
the disk damages the last one. (Keras' BackupAndRestore writes weights and epoch one
after the other, in place: killed in between, it repeats an epoch or finds half a file.)
"""

import dataclasses
import errno
import hashlib
import json
import math
import os
import pathlib
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn

import keras
import numpy as np

from keras_spa.files import sync
from keras_spa.training import signals
from keras_spa.training.callbacks import Callbacks, FiniteLoss

WEIGHTS, STATE, CHECKSUMS = "model.weights.h5", "state.json", "SHA256"
PAGE = 4096  # what HDF5 takes beside the numbers of each variable, at most


@dataclasses.dataclass
class Progress:
    """How far a training has come: epochs, and steps and seconds of a begun one."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    metrics: list[Any] = dataclasses.field(default_factory=list)
    history: dict[str, list[float]] = dataclasses.field(default_factory=dict)


class Checkpoint(keras.callbacks.Callback):
    """Saves after each epoch, and before a step when SIGTERM came.

    Nothing that is not finite is saved: then, or when the loss is not, the training
    stops. Keras' TerminateOnNaN would have that epoch saved first. `callbacks` has
    `fit` call what is needed for it.
    """

    def __init__(self, folder: pathlib.Path, start: Progress):
        super().__init__()
        self.folder, self.start = folder, start
        self.history = start.history
        self.loss = FiniteLoss((start.epoch, start.step), self._diverged)

    def callbacks(
        self,
        model: keras.Model,
        epochs: int,
        before: Sequence[keras.callbacks.Callback] = (),
        after: Sequence[keras.callbacks.Callback] = (),
    ) -> Callbacks:
        """The callbacks of a `fit` until `epochs`: this one, and those around it."""
        together = [self.loss, *before, self, *after]
        return Callbacks(together, add_history=True, model=model, epochs=epochs)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.first, self.began = epoch, 0, time.perf_counter()
        if epoch == self.start.epoch and self.start.step:
            self.first = self.start.step
            self.began -= self.start.seconds
            variables = self.model.metrics_variables
            for variable, value in zip(variables, self.start.metrics, strict=True):
                variable.assign(value)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if signals.sigterm_came():
            step = self.first + batch
            if batch:  # else the checkpoint that this life began from has it all
                self.loss.look()
                variables = self.model.metrics_variables
                self._save(self.epoch, step, [_array(v).tolist() for v in variables])
            _preempted(f"in epoch {self.epoch + 1} after {step} steps")

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        signals.obey_sigint()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        seconds = time.perf_counter() - self.began
        for name, value in {**(logs or {}), "seconds": seconds}.items():
            self.history.setdefault(name, []).append(float(value))
        self._save(epoch + 1)
        if signals.sigterm_came():
            _preempted(f"after epoch {epoch + 1}")

    def _diverged(self, what: str) -> NoReturn:
        raise signals.Diverged(
            f"{what}. The last good checkpoint is {self._last()}. Try a smaller "
            "--learning_rate, in another output folder"
        )

    def _last(self) -> pathlib.Path | str:
        return next(reversed(_folders(self.folder)), "that of no epoch")

    def _save(self, epoch: int, step: int = 0, metrics: Sequence[Any] = ()) -> None:
        variables = [*self.model.weights, *self.model.optimizer.variables]
        if not all(np.isfinite(_array(v)).all() for v in variables):
            now = f"step {step} of epoch {epoch + 1}" if step else f"epoch {epoch}"
            self._diverged(f"Weights are not finite after {now}")
        seconds = time.perf_counter() - self.began if step else 0.0
        progress = Progress(epoch, step, seconds, list(metrics), self.history)
        final = self.folder / _name(epoch, step)
        try:
            self._write(final, progress)
        except (OSError, RuntimeError) as error:  # h5py raises both
            shutil.rmtree(_unfinished(final), ignore_errors=True)
            number = getattr(error, "errno", None)  # h5py says much else beside it
            reason = os.strerror(number) if number else str(error)
            raise signals.Stopped(
                f"Could not save {final}: {reason}. The last good checkpoint is "
                f"{self._last()}; the same command goes on from there"
            ) from error
        for older in _folders(self.folder)[:-2]:
            shutil.rmtree(older)

    def _write(self, final: pathlib.Path, progress: Progress) -> None:
        unfinished = _unfinished(final)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        save_weights(self.model, unfinished / WEIGHTS)
        text = json.dumps(dataclasses.asdict(progress), indent=1)
        (unfinished / STATE).write_text(text + "\n")
        lines = [f"{_sha256(unfinished / name)}  {name}\n" for name in (WEIGHTS, STATE)]
        (unfinished / CHECKSUMS).write_text("".join(lines))
        for name in (WEIGHTS, STATE, CHECKSUMS, "."):
            sync(unfinished / name)
        os.replace(unfinished, final)
        sync(self.folder)


def save_weights(model: keras.Model, path: pathlib.Path) -> None:
    """As in Keras; on a full disk nothing is begun: HDF5, amid a file, may crash there.

    Raises:
        OSError: there is less space than the weights take.
    """
    optimizer = getattr(model.optimizer, "variables", [])
    variables = [*model.weights, *optimizer]
    needed = sum(_bytes(v) for v in variables) + PAGE * (1 + len(variables))
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    model.save_weights(path)


def restore(model: keras.Model, folder: pathlib.Path) -> Progress:
    """The `Progress` of the last whole checkpoint, which the model takes on.

    `model` is built and compiled. Damaged checkpoints after it are told of and removed.
    """
    damaged = {}
    for path in reversed(_folders(folder)):
        if damage := _damage(path):
            damaged[path] = f"{path / damage} is missing or not as it was written"
            continue
        for bad, line in damaged.items():
            print(f"{line}; going on from {path}", file=sys.stderr, flush=True)
            shutil.rmtree(bad, ignore_errors=True)
        model.optimizer.build(model.trainable_variables)
        model.load_weights(path / WEIGHTS)
        return Progress(**json.loads((path / STATE).read_text()))
    if damaged:
        raise signals.Stopped(
            f"{'; '.join(damaged.values())}. Put it back or, to begin the run anew, "
            f"delete {folder}"
        )
    return Progress()


def forget(folder: pathlib.Path) -> None:
    """Removes the checkpoints in `folder`."""
    for path in _folders(folder):
        shutil.rmtree(path)


def _folders(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(folder.glob("epoch-*"))


def _name(epoch: int, step: int) -> str:
    return f"epoch-{epoch:06}" + (f"-step-{step:08}" if step else "")


def _unfinished(final: pathlib.Path) -> pathlib.Path:
    return final.with_name(f".{final.name}")


def _damage(path: pathlib.Path) -> str | None:
    """The name of a file that is not as it was written, None if there is none."""
    try:
        lines = (path / CHECKSUMS).read_text().splitlines()
        pairs = [line.split("  ", 1) for line in lines]
        sums = {name: checksum for checksum, name in pairs}
    except (OSError, ValueError):
        return CHECKSUMS
    for name in (WEIGHTS, STATE):
        if name not in sums:
            return CHECKSUMS
        if not (path / name).is_file() or _sha256(path / name) != sums[name]:
            return name
    return None


def _sha256(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes(variable: Any) -> int:
    return math.prod(variable.shape) * (8 if "64" in variable.dtype else 4)


def _array(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)


def _preempted(where: str) -> NoReturn:
    raise signals.Preempted(f"Stopped by SIGTERM {where}")
