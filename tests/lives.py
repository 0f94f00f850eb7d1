"""Trains a small run in one life after the other, each a fork that gets killed.

    python lives.py FOLDER SEED KILLS [FLAG ...]

What is imported is imported once; TensorFlow starts its threads when it first computes,
which is in the forks. In turns, a life kills itself at its n-th event (each step, and
each action on the disk, before and after), at its n-th step, or is killed from outside
within milliseconds of its n-th step; n is drawn with SEED. Then three lives are
stopped by SIGTERM, one more ends the run in FOLDER/parts, and the last one does all of
it in FOLDER/whole. Prints a line a life, in JSON: exit code, event, checkpoints left.
"""

import functools
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "recipes"))
import keras
import numpy as np

import engine  # noqa: F401
from engine import command_line
from engine.random_data import random_images
from engine.run import run
from engine.task import Task
from keras_spa.training import checkpoint, signals

EPOCHS, STEPS = 40, 5


def load(config):
    return random_images(3, (8, 8, 3), config.seed, most=12)


def backbone(config):
    inputs = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


TASK = Task("random", load, backbone, lambda config: 4, 3)


def config(*arguments):
    """The configuration of one run."""
    (one,) = command_line.parse(["--seed=1", "--noverbose", *arguments], TASK).runs
    return one


class Events:
    """Counts what happens, and at one of the events ends the process or tells of it."""

    def __init__(self, kind, at, number, pipe):
        self.kind, self.at, self.number, self.pipe = kind, at, number, pipe
        self.reached = 0  # events since the one looked for

    def happens(self, what):
        self.at -= what.startswith(self.kind)
        if self.at == 0 and not self.reached:
            self.reached = 1
            os.write(self.pipe, what.encode())
            if self.number:
                os.kill(os.getpid(), self.number)
        elif self.reached:
            self.reached += 1
        if self.number is None and self.reached == 8 * STEPS:
            time.sleep(60)  # for a parent that is late

    def around(self, module, name):
        real = getattr(module, name)

        @functools.wraps(real)
        def wrapped(*arguments, **others):
            self.happens(f"before {name}")
            result = real(*arguments, **others)
            if name == "save_weights":
                self.half_written(arguments[1])
            self.happens(f"after {name}")
            return result

        setattr(module, name, wrapped)

    def half_written(self, path):
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        self.happens("half of save_weights")
        path.write_bytes(content)


class Steps(keras.callbacks.Callback):
    """An event at each step."""

    def __init__(self, events):
        super().__init__()
        self.events = events

    def on_train_batch_begin(self, batch, logs=None):
        self.events.happens(f"step {batch}")


def live(folder, arguments, pipe, death=None):
    callbacks = []
    if death:
        signals.listen(signals.leave_job)
        events = Events(*death, pipe)
        events.around(keras.Model, "save_weights")
        events.around(pathlib.Path, "write_text")
        events.around(checkpoint, "sync")
        events.around(checkpoint.os, "replace")
        events.around(checkpoint.shutil, "rmtree")
        callbacks = [Steps(events)]
    run(config(*arguments), TASK, folder, callbacks=callbacks)


def fork(*arguments, after=None):
    """Exit code of a life, as `subprocess` has it, and the event that ended it."""
    receive, send = os.pipe()
    if not (child := os.fork()):
        os.close(receive)
        try:
            live(*arguments[:2], send, *arguments[2:])
        except signals.Stopped as stopped:
            os._exit(stopped.code)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        event = pipe.read(1)
        if event and after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        event += pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), event.decode()


def deaths(random, kills):
    """(kind of event, which one of them, signal), seconds to wait outside."""
    for life in range(kills):
        if life % 3 == 0:
            yield ("", random.randint(1, 12 * STEPS), signal.SIGKILL), None
        elif life % 3 == 1:
            yield ("step", random.randint(1, 2 * STEPS), signal.SIGKILL), None
        else:
            delay = random.uniform(0, 0.02)
            yield ("step", random.randint(1, 2 * STEPS), None), delay
    yield ("step 2", random.randint(1, 3), signal.SIGTERM), None
    yield ("step", 1, signal.SIGTERM), None  # before anything new was done
    yield ("", random.randint(1, 12 * STEPS), signal.SIGTERM), None


def main(folder, seed, kills, *arguments):
    folder = pathlib.Path(folder)
    arguments = [f"--epochs={EPOCHS}", "--batch_size=4", *arguments]
    for death, after in deaths(np.random.RandomState(int(seed)), int(kills)):
        code, event = fork(folder / "parts", arguments, death, after=after)
        left = sorted(path.name for path in (folder / "parts").glob("*"))
        print(json.dumps([code, event, left]), flush=True)
    for name in ("parts", "whole"):
        print(json.dumps([fork(folder / name, arguments)[0], "", []]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
