"""What watches a training without making the device wait for the host.

Keras makes floats of a batch's logs for its callbacks: the host then waits for the
device after each batch, and the device for the host before the next one.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from keras_spa._types import Tensor

LOOK = 50  # executions between two looks at the loss, and how old it is by then


class Callbacks(keras.callbacks.CallbackList):
    """As in Keras, but the logs of a batch are what lies on the device.

    Who reads one of them, `float(logs["loss"])`, waits for the batch to be computed.
    """

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs)


class _Steps(NamedTuple):
    """Steps of one execution, counted from 1, and the loss after them."""

    first: int
    last: int
    loss: Tensor


class FiniteLoss(keras.callbacks.Callback):
    """Calls `diverged` with a sentence that names the steps if a loss is not finite.

    The loss in the logs is the mean since the epoch began, which stays not finite once
    it is: one of them answers for all before. It is read every `LOOK` executions, when
    it is as many executions old and no longer waited for, and at the end of the epoch.
    If it is bad those before it, which are kept till then, say where it began.

    Belongs before the callbacks that judge or keep an epoch's weights.

    Args:
        start: The epoch and the step that training begins with, from 0.
        diverged: Raises with what it is told.
    """

    def __init__(self, start: tuple[int, int], diverged: Callable[[str], Any]):
        super().__init__()
        self.start, self.diverged = start, diverged
        self.kept: list[_Steps] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch, self.kept = epoch, []
        self.done = self.start[1] if epoch == self.start[0] else 0

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        self.first = self.done + batch + 1

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        loss = (logs or {})["loss"]
        self.kept.append(_Steps(self.first, self.done + batch + 1, loss))
        if len(self.kept) == 2 * LOOK:
            self.look(LOOK)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.look()

    def look(self, executions: int | None = None) -> None:
        """Looks at the oldest losses that are kept, by default at all, and drops them.

        The last of them first: mostly it is the only one that is read.
        """
        looked = self.kept[:executions]
        self.kept = self.kept[len(looked) :]
        if not looked or _is_finite(looked[-1]):
            return
        first, last, loss = next(one for one in looked if not _is_finite(one))
        steps = f"step {last}" if first == last else f"steps {first} to {last}"
        self.diverged(f"The loss is {float(loss)} in epoch {self.epoch + 1}, {steps}")


def _is_finite(steps: _Steps) -> bool:
    return math.isfinite(float(steps.loss))
