"""A recipe gives the same result on several devices, each job in fresh processes."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import processes
import pytest

import digits_lt
from engine import earlier
from engine.command_line import parse
from engine.registry import RECIPES
from engine.run import run

ON_JAX = keras.backend.backend() == "jax"
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        keras.backend.backend() == "torch", reason="PyTorch trains on one device"
    ),
]
FOLDER = os.path.dirname(digits_lt.__file__)
SEVERAL = ["--strategy=data_parallel" if ON_JAX else "--strategy=mirrored"]
SEVERAL += ["--virtual_devices=2"]
DIGITS = ["digits_lt", "--alignment=spa_slerp", "--seed=0", "--epochs=2"]


def start(output, recipe, *arguments, **environment):
    command = [sys.executable, f"{FOLDER}/{recipe}.py", *arguments]
    command += [f"--output_dir={output}", "--jobs=1"]
    return subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*jobs):
    """What they printed, after all of them succeeded."""
    done = [job.communicate(timeout=900) for job in jobs]
    assert [job.returncode for job in jobs] == [0] * len(jobs), done
    return [out for out, _ in done]


def two_workers(output, *arguments):
    """What chief and worker printed."""
    if ON_JAX:
        given = [
            {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"localhost:{port}",
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(i),
            }
            for port in processes.free_ports(1)
            for i in range(2)
        ]
        kind = "--strategy=data_parallel"
    else:
        given, kind = processes.two_workers(), "--strategy=multiworker"
    return finish(*(start(output, *arguments, kind, **one) for one in given))


def result(output):
    (path,) = (output / "runs").glob("*.json")
    return json.loads(path.read_text())


def assert_same(actual, expected):
    for name in ("loss", "accuracy", "alignment"):
        np.testing.assert_allclose(
            actual["history"][name], expected["history"][name], atol=1e-5
        )
    np.testing.assert_allclose(
        actual["cosine_per_class"], expected["cosine_per_class"], atol=1e-5
    )
    assert actual["accuracy"] == expected["accuracy"]


def test_two_devices_give_the_result_of_one(tmp_path):
    arguments = ["cifar10_lt", "--smoke"]  # with batch normalisation
    one, two = tmp_path / "one", tmp_path / "two"
    finish(start(one, *arguments), start(two, *arguments, *SEVERAL))
    assert_same(result(two), result(one))
    assert result(one)["environment"]["replicas"] == 1
    assert result(two)["environment"]["replicas"] == 2


class StopAfterOne(keras.callbacks.Callback):
    """Ctrl-C after the first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.mark.long
def test_two_workers_go_on_from_the_checkpoint_of_one_device(tmp_path):
    """And augment as it does, from the same pipeline."""
    augmented = ["--augment=crop_flip", "--augment_on=host", "--method=ldam_drw"]
    one, two = tmp_path / "one", tmp_path / "two"
    whole = start(one, *DIGITS, *augmented)
    task = RECIPES["digits_lt"]
    (config,) = parse([*DIGITS[1:], *augmented], task).runs
    folder = earlier.checkpoints(two, config)
    with pytest.raises(KeyboardInterrupt):
        run(config, task, folder, callbacks=[StopAfterOne()])
    assert (folder / "epoch-000001").exists()
    chief, worker = two_workers(two, *DIGITS, *augmented)
    finish(whole)
    assert "accuracy" in chief
    assert not [line for line in worker.splitlines() if "Gloo" not in line]
    assert_same(result(two), result(one))
    assert result(two)["environment"]["replicas"] == 2
    assert {path.name for path in two.iterdir()} == {
        *("checkpoints", "runs", "table.md", "picture.png", "log.txt")
    }
