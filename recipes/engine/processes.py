"""Processes that run side by side take their share of the cores, not all of them."""

import os


def shared_environment(jobs: int) -> dict[str, str]:
    """Environment in which each of `jobs` processes computes with its share of threads.

    Two processes of one thread each train small networks faster than two of two.
    """
    threads = str(max(1, (os.cpu_count() or 1) // jobs))
    names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
    return {**dict.fromkeys(names, threads), **os.environ}
