"""Several devices equal one, each case in fresh processes on virtual CPU devices.

With batch normalisation that means `synchronized=True` on TensorFlow: otherwise each
replica normalises by statistics of its own, and no two numbers of replicas agree.
(On JAX a batch is one global array, and all statistics are global.) In float16 some
steps overflow, first on all replicas and later on one, and all have to skip them.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import processes
import pytest

SCRIPT = pathlib.Path(__file__).parent / "train_on_devices.py"
KINDS = {
    "tensorflow": [("mirrored", 2), ("mirrored", 4), ("multiworker", 1)],
    "jax": [("data_parallel", 2), ("data_parallel", 8)],
}.get(keras.backend.backend(), [])
CASES = [(*kind, variant) for kind in KINDS for variant in ("plain", "batch_norm")]
CASES += [(*kind, variant) for kind in KINDS[:1] for variant in ("weights", "float16")]


def start(kind, devices, variant, output, **environment):
    paths = [str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    environment |= {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, str(SCRIPT), kind, str(devices), variant, str(output)]
    errors = output.with_suffix(".log").open("w")
    return subprocess.Popen(command, env=os.environ | environment, stderr=errors)


def run(kind, devices, variant, folder):
    """What each process of a case found."""
    given = processes.two_workers() if kind == "multiworker" else [{}]
    outputs = [
        folder / f"{kind}-{devices}-{variant}-{i}.npz" for i in range(len(given))
    ]
    started = [
        start(kind, devices, variant, output, **environment)
        for output, environment in zip(outputs, given, strict=True)
    ]
    codes = [process.wait(timeout=900) for process in started]
    logs = [output.with_suffix(".log").read_text() for output in outputs]
    assert codes == [0] * len(codes), "\n".join(logs)
    return [dict(np.load(output)) for output in outputs]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """`{(kind, devices, variant): what its processes found}`, two cases at a time."""
    folder = tmp_path_factory.mktemp("devices")
    cases = {*CASES, *(("one", 1, variant) for _, _, variant in CASES)}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        started = {case: pool.submit(run, *case, folder) for case in sorted(cases)}
        return {case: future.result() for case, future in started.items()}


@pytest.mark.parametrize(("kind", "devices", "variant"), CASES)
def test_several_devices_equal_one(found, kind, devices, variant):
    (expected,) = found["one", 1, variant]
    first, *others = found[kind, devices, variant]
    assert first.keys() == expected.keys()
    atol = 2e-3 if variant == "float16" else 1e-5
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, atol=atol, err_msg=name)
        for other in others:
            np.testing.assert_array_equal(other[name], first[name], err_msg=name)
