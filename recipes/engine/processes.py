"""Processes that run side by side take their share of the machine, not all of it."""

import argparse
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from keras_spa_cli import screen


def shared_environment(jobs: int) -> dict[str, str]:
    """Environment in which each of `jobs` processes takes its share of the machine.

    Of the cores: two processes of one thread each train small networks faster than two
    of two. Of a GPU's memory: JAX and TensorFlow would each take nearly all of it.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    memory = {}
    if jobs > 1:
        memory["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{0.9 / jobs:.3f}"
        memory["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return {**dict.fromkeys(names, threads), **memory, **os.environ}


def run_recipe(name: str, arguments: Sequence[str], jobs: int) -> None:
    """Runs a recipe's script here, as one of `jobs` side by side, and without a word.

    Raises:
        RuntimeError: it failed, with the last line that it said.
    """
    script = pathlib.Path(__file__).parents[1] / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        env=shared_environment(jobs),
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(said[-1])


def at_least_one(text: str) -> int:
    """The number of an argument such as --jobs."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def pattern(text: str) -> re.Pattern:
    """The pattern of an argument that chooses by name."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no pattern: {error}") from None


def begin_worker(log: pathlib.Path) -> None:
    """What a worker does first; its libraries write to the log, from their start on."""
    screen.leave(log)
    from keras_spa.training import signals

    signals.listen(leave_worker)
    end_with_parent()


def leave_worker() -> NoReturn:
    """Without a word to the pool, which would hand out the next run."""
    from keras_spa.training.signals import Preempted

    os._exit(Preempted.code)


def terminate_children() -> None:
    for child in multiprocessing.active_children():
        child.terminate()


def end_with_parent() -> None:
    """A worker whose parent was killed would go on beside the job's next life."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    join = parent.join

    def wait() -> None:
        join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
