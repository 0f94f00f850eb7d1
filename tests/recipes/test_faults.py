"""Runs that are killed or stopped go on as if they had not been, to the bit."""

import json
import operator
import os
import pathlib
import signal
import subprocess
import sys
import time

import h5py
import keras
import lives
import numpy as np
import pytest

import digits_lt

pytestmark = pytest.mark.process
BACKEND = keras.backend.backend()
# A life takes two to three seconds on TensorFlow and PyTorch, more on JAX, to compile.
KILLS = {"tensorflow": (7, 4), "torch": (4, 0), "jax": (2, 0)}[BACKEND]


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


@pytest.mark.long
@pytest.mark.parametrize(
    ("kills", "arguments"),
    [
        (KILLS[0], ["--method=balanced_softmax", "--alignment=spa_slerp"]),
        pytest.param(
            KILLS[1],
            [
                *("--method=ldam_drw", "--alignment=spa_reg", "--spa_start=0.2"),
                "--steps_per_execution=2",
                *("--augment=crop_flip", "--augment_on=host"),
            ],
            marks=pytest.mark.skipif(not KILLS[1], reason="time"),
        ),
    ],
)
def test_killed_at_random_moments_it_ends_as_if_never_killed(
    tmp_path, kills, arguments
):
    seed = int(os.environ.get("LIVES_SEED", time.time_ns() % 2**32))
    command = [sys.executable, lives.__file__, tmp_path, seed, kills, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    print(f"Replay with LIVES_SEED={seed}\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    codes, events, left = zip(*map(json.loads, done.stdout.splitlines()), strict=True)
    assert codes == (*[-signal.SIGKILL] * kills, 143, 143, 143, 0, 0)
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


def wait_for(condition, seconds=120):
    deadline = time.time() + seconds
    while not condition() and time.time() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.long
@pytest.mark.skipif(
    BACKEND != "tensorflow",
    reason="signals and processes are the same on all backends; start-up costs much",
)
def test_workers_stop_with_their_job(tmp_path):
    def start():
        command = [sys.executable, digits_lt.__file__, "--method=ce", "--jobs=2"]
        command += ["--alignment=none", "--seeds=0,1", "--steps_per_execution=1"]
        command += ["--epochs=5000", f"--output_dir={tmp_path}"]
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
    second.wait()
    second.stdout.close()
    wait_for(lambda: not any(child.exists() for child in children), seconds=30)
