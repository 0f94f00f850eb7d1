"""Several devices equal one, each kind in fresh processes on virtual CPU devices.

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

pytestmark = pytest.mark.process
SCRIPT = pathlib.Path(__file__).parent / "train_on_devices.py"
ALL = ("together", "batch_norm", "alone", "weights", "float16", "disa", "bcl", "glmc")
ALL += ("arb", "drw", "listed", "added", "clipnorm", "global_clipnorm", "clipvalue")
KINDS = {
    "tensorflow": {
        ("mirrored", 2): ALL,
        ("mirrored", 4): (*ALL[:2], "glmc"),
        ("multiworker", 1): ALL[:2],
    },
    "jax": {("data_parallel", 2): ALL, ("data_parallel", 8): ALL[:2]},
}.get(keras.backend.backend(), {})
CASES = [(*kind, variant) for kind, variants in KINDS.items() for variant in variants]


def start(kind, devices, variants, output, **environment):
    paths = [str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    environment |= {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, str(SCRIPT), kind, str(devices), str(output), *variants]
    errors = output.with_suffix(".log").open("w")
    return subprocess.Popen(command, env=os.environ | environment, stderr=errors)


def run(kind, devices, variants, folder):
    """What each process of a kind recorded."""
    given = processes.two_workers() if kind == "multiworker" else [{}]
    outputs = [folder / f"{kind}-{devices}-{i}.npz" for i in range(len(given))]
    started = [
        start(kind, devices, variants, output, **environment)
        for output, environment in zip(outputs, given, strict=True)
    ]
    codes = [process.wait(timeout=900) for process in started]
    logs = [output.with_suffix(".log").read_text() for output in outputs]
    assert codes == [0] * len(codes), "\n".join(logs)
    return [dict(np.load(output)) for output in outputs]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """`{(kind, devices): what its processes recorded}`, two kinds at a time."""
    folder = tmp_path_factory.mktemp("devices")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        started = {
            kind: pool.submit(run, *kind, variants, folder)
            for kind, variants in {("one", 1): ALL, **KINDS}.items()
        }
        return {kind: future.result() for kind, future in started.items()}


def select_variant(results, variant):
    return {k: v for k, v in results.items() if k.startswith(f"{variant}: ")}


@pytest.mark.long
@pytest.mark.parametrize(("kind", "devices", "variant"), CASES)
def test_several_devices_equal_one(records, kind, devices, variant):
    (one,) = records["one", 1]
    expected = select_variant(one, variant)
    first, *others = (select_variant(one, variant) for one in records[kind, devices])
    assert expected
    assert first.keys() == expected.keys()
    atol = 2e-3 if variant == "float16" else 1e-5
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, atol=atol, err_msg=name)
        for other in others:
            np.testing.assert_array_equal(other[name], first[name], err_msg=name)
