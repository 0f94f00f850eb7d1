"""Processes that run side by side take their share of the cores, not all of them."""

import multiprocessing
import os
import threading
from typing import NoReturn

from keras_spa.training.signals import Preempted


def shared_environment(jobs: int) -> dict[str, str]:
    """Environment in which each of `jobs` processes computes with its share of threads.

    Two processes of one thread each train small networks faster than two of two.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    return {**dict.fromkeys(names, threads), **os.environ}


def leave_worker() -> NoReturn:
    """Without a word to the pool, which would hand out the next run."""
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
