"""What is done after each epoch: judge, keep the best, stop, tell."""

import os
import pathlib
import sys
import time
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from keras_spa.cli import measures
from keras_spa.cli.feed import Feed
from keras_spa.training import checkpoint, signals

ACCURACY, LOSS = "held_out_accuracy", "held_out_log_loss"
WIDTH = 20  # of the bar
History = dict[str, list[float]]


def best_epoch(history: History) -> int | None:
    """The epoch of the highest balanced accuracy; of equal ones that of least log loss.

    Not the log loss alone: it begins to rise, from over-confidence, while accuracy
    still grows, and what over-confidence does is mended by alignment's scale.
    """
    if not history.get(ACCURACY):
        return None
    keys = zip(history[ACCURACY], (-loss for loss in history[LOSS]), strict=True)
    pairs = list(keys)
    return max(range(len(pairs)), key=pairs.__getitem__)


def is_over(history: History, patience: int) -> bool:
    """Whether the best epoch lies `patience` epochs back."""
    best = best_epoch(history)
    return (
        bool(patience)
        and best is not None
        and (len(history[ACCURACY]) - 1 - best >= patience)
    )


class HeldOut(keras.callbacks.Callback):
    """Logs balanced accuracy and balanced log loss of the validation images."""

    def __init__(self, fed: Feed, split: spa.data.Split) -> None:
        super().__init__()
        self.fed, self.split = fed, split
        self.observer: spa.trained.Observer | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.observer = self.observer or spa.trained.Observer(self.model)
        batches = self.fed.batches(self.split)
        judged = measures.judge(self.observer, batches, self.fed.batch_size)
        measured = judged.measures(self.fed.data.class_counts)
        if logs is not None:
            logs[ACCURACY] = measured["balanced_accuracy"]
            logs[LOSS] = measured["balanced_log_loss"]


class Best:
    """The weights of the best epoch, in a file that bears its number.

    `keep` writes them before the checkpoint of that epoch, `tidy` removes those of the
    epochs before after it: killed at any time, the file of the history's best is there.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def path(self, epoch: int) -> pathlib.Path:
        return self.folder / f"best-epoch-{epoch:06}.weights.h5"

    def keep(self, model: keras.Model, epoch: int) -> None:
        unfinished = self.folder / ".unfinished.weights.h5"
        try:
            checkpoint.save_weights(model, unfinished)
            unfinished.replace(self.path(epoch))
        except OSError as error:
            number = getattr(error, "errno", None)  # h5py says much else beside it
            reason = os.strerror(number) if number else str(error)
            raise signals.Stopped(
                f"Could not save {self.path(epoch)}: {reason}; the same command goes on"
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)

    def tidy(self, epoch: int | None) -> None:
        for path in self.folder.glob("best-epoch-*.weights.h5"):
            if epoch is None or path != self.path(epoch):
                path.unlink()


class KeepBest(keras.callbacks.Callback):
    """Before the checkpoint: keeps weights that are the best so far."""

    def __init__(self, best: Best, history: History) -> None:
        super().__init__()
        self.best, self.history = best, history

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = logs or {}
        now = {
            name: [*self.history.get(name, []), logs[name]] for name in (ACCURACY, LOSS)
        }
        if best_epoch(now) == epoch:
            self.best.keep(self.model, epoch)


class Stop(keras.callbacks.Callback):
    """After the checkpoint: removes weights that were the best, and stops in time."""

    def __init__(self, best: Best, history: History, patience: int) -> None:
        super().__init__()
        self.best, self.history, self.patience = best, history, patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.best.tidy(best_epoch(self.history))
        if is_over(self.history, self.patience):
            print(f"no better balanced accuracy for {self.patience} epochs: stopped")
            self.model.stop_training = True


class Progress(keras.callbacks.Callback):
    """A line an epoch; on a terminal a bar before it, with the time left."""

    def __init__(self, epochs: int, steps: int, first: int, step: int) -> None:
        super().__init__()
        self.epochs, self.steps, self.done = epochs, steps, 0
        self.left = (epochs - first) * steps - step
        self.first, self.skipped = first, step
        self.live = sys.stdout.isatty()
        self.logs: dict[str, Any] = {}  # of the last time, no longer waited for

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not self.done:
            self.started = self.shown = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.logs = epoch, {}
        self.skip = self.skipped if epoch == self.first else 0

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.done += 1
        now = time.perf_counter()
        if self.live and now - self.shown > 0.2:
            self.shown = now
            logs, self.logs = self.logs, logs or {}
            share = (self.skip + batch + 1) / self.steps
            bar = ("█" * round(WIDTH * share)).ljust(WIDTH, "░")
            print(f"\r{self._line(bar, logs)}\x1b[K", end="", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        start = "\r\x1b[K" if self.live else ""
        print(f"{start}{self._line('', logs)}", flush=True)

    def _line(self, bar: str, logs: dict[str, Any] | None) -> str:
        logs = logs or {}
        parts = [f"epoch {self.epoch + 1}/{self.epochs}", bar]
        parts.append(f"loss {float(logs['loss']):.3f}" if "loss" in logs else "")
        if ACCURACY in logs:
            parts.append(f"held-out balanced accuracy {100 * logs[ACCURACY]:.1f} %")
        seconds = time.perf_counter() - self.started
        left = seconds / max(1, self.done) * (self.left - self.done)
        parts.append(f"{duration(left)} left" if self.left > self.done else "")
        return "  ".join(filter(None, parts))


def duration(seconds: float) -> str:
    """Time in the unit that suits it."""
    minutes = int(np.ceil(seconds / 60))
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
