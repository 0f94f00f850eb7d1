"""Strategies that cannot be had are refused before data is loaded."""

import os
import re
import subprocess
import sys

import keras
import pytest
from absl import flags
from absl.testing import flagsaver

import digits_lt
from engine import config

BACKEND = keras.backend.backend()
TF_CONFIG = (
    '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "w", "index": 0}}'
)


def refused(capsys, *arguments):
    """The one line of a job that ends with code 2."""
    with flagsaver.flagsaver():
        flags.FLAGS.unparse_flags()
        with pytest.raises(SystemExit) as stopped:
            config.parse_and_check(["digits_lt.py", *arguments], digits_lt.TASK)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_a_strategy_of_another_backend(capsys):
    other = "mirrored" if BACKEND == "jax" else "data_parallel"
    needed = "tensorflow" if BACKEND == "jax" else "jax"
    message = f"--strategy={other} needs KERAS_BACKEND={needed}, not {BACKEND}"
    assert message in refused(capsys, f"--strategy={other}")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="strategies of TensorFlow")
@pytest.mark.parametrize(
    ("arguments", "config", "message"),
    [
        (["multiworker"], None, "needs the environment variable TF_CONFIG"),
        (["multiworker"], "{", "TF_CONFIG: Expecting property name"),
        (["multiworker"], TF_CONFIG, "TF_CONFIG: .*task"),
        (["tpu"], None, "--strategy=tpu needs --tpu=NAME"),
        (["tpu", "--tpu=nowhere"], None, "--tpu=nowhere: no such TPU"),
    ],
)
def test_what_is_missing_is_named(capsys, monkeypatch, arguments, config, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config:
        monkeypatch.setenv("TF_CONFIG", config)
    kind, *rest = arguments
    assert re.search(message, refused(capsys, f"--strategy={kind}", *rest))


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch trains on one device")
def test_a_batch_that_replicas_cannot_share(tmp_path):
    kind = "data_parallel" if BACKEND == "jax" else "mirrored"
    command = [sys.executable, digits_lt.__file__, f"--strategy={kind}"]
    done = subprocess.run(
        [*command, "--virtual_devices=3", f"--output_dir={tmp_path / 'new'}"],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]
    assert line.endswith(
        "--batch_size=32 cannot be shared by 3 replicas: choose a multiple of that"
    )
    assert not (tmp_path / "new").exists()
