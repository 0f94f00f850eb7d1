"""A recipe gives the same result on several devices, each job in fresh processes."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import processes
import pytest
from absl import flags
from absl.testing import flagsaver

import digits_lt
from engine import config, job

ON_JAX = keras.backend.backend() == "jax"
pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch trains on one device"
)
RECIPES = os.path.dirname(digits_lt.__file__)
SEVERAL = ["--strategy=data_parallel" if ON_JAX else "--strategy=mirrored"]
SEVERAL += ["--virtual_devices=2"]
DIGITS = ["digits_lt", "--alignment=spa_slerp", "--seed=0", "--epochs=2"]


def job(output, recipe, *arguments, **environment):
    command = [sys.executable, f"{RECIPES}/{recipe}.py", *arguments]
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
    return finish(*(job(output, *arguments, kind, **one) for one in given))


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


@pytest.mark.parametrize(
    "arguments",
    [
        [*DIGITS, "--method=ldam_drw"],
        ["cifar10_lt", "--smoke"],  # with batch normalisation
    ],
)
def test_two_devices_give_the_result_of_one(arguments, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    finish(job(one, *arguments), job(two, *arguments, *SEVERAL))
    assert_same(result(two), result(one))
    assert result(one)["environment"]["replicas"] == 1
    assert result(two)["environment"]["replicas"] == 2


def test_two_workers_go_on_from_the_checkpoint_of_one_device(tmp_path, monkeypatch):
    """And augment as it does, from the same pipeline."""
    augmented = ["--augment=crop_flip", "--augment_on=host", "--method=ce"]
    one, two = tmp_path / "one", tmp_path / "two"
    whole = job(one, *DIGITS, *augmented)
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        given = [*DIGITS[1:], *augmented, f"--output_dir={two}"]
        config.parse(flags.FLAGS, ["digits_lt.py", *given], digits_lt.TASK)
        run = ("ce", "spa_slerp", 0)

        class StopAfterOne(run.EpochLines):
            def on_epoch_begin(self, epoch, logs=None):
                super().on_epoch_begin(epoch, logs)
                if epoch == 1:
                    raise KeyboardInterrupt

        monkeypatch.setattr(training, "EpochLines", StopAfterOne)
        folder = job._checkpoints(two, run)
        with pytest.raises(KeyboardInterrupt):
            run.train(digits_lt.TASK, *run, folder)
    assert (folder / "epoch-000001").exists()
    chief, worker = two_workers(two, *DIGITS, *augmented)
    finish(whole)
    assert "accuracy" in chief
    assert not [line for line in worker.splitlines() if "Gloo" not in line]
    assert_same(result(two), result(one))
    assert result(two)["environment"]["replicas"] == 2
    assert {path.name for path in two.iterdir()} == {
        *("checkpoints", "runs", "table.md", "picture.png")
    }
