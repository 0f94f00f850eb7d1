"""TensorFlow, JAX and PyTorch agree on twenty training steps."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.process
SCRIPT = pathlib.Path(__file__).parent / "twenty_steps.py"
BACKENDS = [
    name
    for name in ("tensorflow", "jax", "torch")
    if name != keras.backend.backend() and importlib.util.find_spec(name)
]


def run(backend, given, output):
    environment = os.environ | {"KERAS_BACKEND": backend}
    command = [sys.executable, str(SCRIPT), str(given), str(output)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(output) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("twenty_steps", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    random = np.random.RandomState(0)
    arrays = {}
    for name, prefix in (("none", "w"), ("bcl", "bcl/w")):
        weights = script.make_model(name).get_weights()
        arrays |= {f"{prefix}{i}": w for i, w in enumerate(weights)}
    y = random.choice(4, size=64, p=[0.5, 0.3, 0.15, 0.05])
    x = random.randn(4, 8, 8, 1)[y] + 0.5 * random.randn(64, 8, 8, 1)
    path = tmp_path_factory.mktemp("backends") / "given.npz"
    np.savez(path, x=x.astype("float32"), y=y, **arrays)
    return path


@pytest.fixture(scope="module")
def expected(given, tmp_path_factory):
    output = tmp_path_factory.mktemp("backends") / "own.npz"
    return run(keras.backend.backend(), given, output)


@pytest.mark.long
@pytest.mark.parametrize("backend", BACKENDS)
def test_another_backend_gives_the_same(backend, given, expected, tmp_path):
    actual = run(backend, given, tmp_path / "other.npz")
    assert actual.keys() == expected.keys()
    for name, values in expected.items():
        # The contrast divides by a temperature of 0.1, and with it enlarges rounding.
        atol = 1e-4 if name.startswith("bcl/") else 1e-5
        np.testing.assert_allclose(actual[name], values, atol=atol, err_msg=name)


@pytest.mark.long
def test_the_alignments_differ(expected):
    finals = [expected[f"{a}/loss"][-1] for a in ("none", "spa_reg", "all")]
    finals += [expected[f"{a}/alignment"][-1] for a in ("spa_slerp", "spa_proj")]
    assert len({round(float(value), 4) for value in finals}) == len(finals)
