"""Strategies that cannot be had are refused before data is loaded."""

import os
import subprocess
import sys

import keras
import lives
import pytest

import digits_lt
from engine import devices

BACKEND = keras.backend.backend()
TF_CONFIG = (
    '{"cluster": {"worker": ["localhost:1"]}, "task": {"type": "w", "index": 0}}'
)


def test_a_strategy_of_another_backend():
    other = "mirrored" if BACKEND == "jax" else "data_parallel"
    needed = "tensorflow" if BACKEND == "jax" else "jax"
    message = f"--strategy={other} needs KERAS_BACKEND={needed}, not {BACKEND}"
    with pytest.raises(ValueError, match=message):
        devices.start(lives.config(f"--strategy={other}"))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="strategies of TensorFlow")
@pytest.mark.parametrize(
    ("arguments", "variable", "message"),
    [
        (["multiworker"], None, "needs the environment variable TF_CONFIG"),
        (["multiworker"], "{", "TF_CONFIG: Expecting property name"),
        (["multiworker"], TF_CONFIG, "TF_CONFIG: .*task"),
        (["tpu"], None, "--strategy=tpu needs --tpu=NAME"),
        (["tpu", "--tpu=nowhere"], None, "--tpu=nowhere: no such TPU"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, arguments, variable, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if variable:
        monkeypatch.setenv("TF_CONFIG", variable)
    kind, *rest = arguments
    with pytest.raises(ValueError, match=message):
        devices.start(lives.config(f"--strategy={kind}", *rest))


def test_one_device_needs_nothing(tmp_path):
    one = devices.start(lives.config())
    assert one.replicas() == 1
    assert one.is_chief()
    assert one.writable(tmp_path) == tmp_path
    assert one.description() == {"strategy": "none", "replicas": 1}


@pytest.mark.process
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
