"""Two replicas equal one device; each case in a fresh process."""

import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).parent / "train_on_replicas.py"


def run(replicas, output):
    paths = [str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(SCRIPT), str(replicas), str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(output) as archive:
        return dict(archive)


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.distribute is TensorFlow's"
)
def test_two_mirrored_replicas_equal_one_device(tmp_path):
    one, two = run(1, tmp_path / "one.npz"), run(2, tmp_path / "two.npz")
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, atol=1e-5, err_msg=name)
