"""Several devices equal one, each case in fresh processes on virtual CPU devices.

With batch normalisation that means `synchronized=True` on TensorFlow: otherwise each
replica normalises by statistics of its own, and no two numbers of replicas agree.
(On JAX a batch is one global array, and all statistics are global.)
"""

import concurrent.futures
import json
import os
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).parent / "train_on_devices.py"
VARIANTS = ("plain", "batch_norm")
KINDS = {
    "tensorflow": [
        *(
            (kind, variant)
            for kind in (("mirrored", 2), ("mirrored", 4))
            for variant in VARIANTS
        ),
        *((("multiworker", 1), variant) for variant in VARIANTS),
        (("mirrored", 2), "weights"),
    ],
    "jax": [
        *((("data_parallel", n), variant) for n in (2, 8) for variant in VARIANTS),
        (("data_parallel", 8), "weights"),
    ],
}
CASES = KINDS.get(keras.backend.backend(), [])


def start(kind, devices, variant, output, **environment):
    paths = [str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    environment |= {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, str(SCRIPT), kind, str(devices), variant, str(output)]
    errors = output.with_suffix(".log").open("w")
    return subprocess.Popen(command, env=os.environ | environment, stderr=errors)


def run(kind, devices, variant, folder):
    """What each process of a case found."""
    outputs = [folder / f"{kind}-{devices}-{variant}-0.npz"]
    given = [{}]
    if kind == "multiworker":
        outputs.append(folder / f"{kind}-{devices}-{variant}-1.npz")
        workers = [f"localhost:{port}" for port in free_ports(2)]
        given = [
            {
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": workers},
                        "task": {"type": "worker", "index": i},
                    }
                )
            }
            for i in range(2)
        ]
    processes = [
        start(kind, devices, variant, output, **environment)
        for output, environment in zip(outputs, given, strict=True)
    ]
    codes = [process.wait(timeout=300) for process in processes]
    logs = [output.with_suffix(".log").read_text() for output in outputs]
    assert codes == [0] * len(codes), "\n".join(logs)
    return [dict(np.load(output)) for output in outputs]


def free_ports(count):
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """`{(kind, devices, variant): what its processes found}`, two cases at a time."""
    folder = tmp_path_factory.mktemp("devices")
    cases = {(*kind, variant) for kind, variant in CASES}
    cases |= {("one", 1, variant) for _, variant in CASES}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        started = {case: pool.submit(run, *case, folder) for case in sorted(cases)}
        return {case: future.result() for case, future in started.items()}


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_several_devices_equal_one(found, kind, variant):
    (expected,) = found["one", 1, variant]
    first, *others = found[(*kind, variant)]
    assert first.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(first[name], values, atol=1e-5, err_msg=name)
        for other in others:
            np.testing.assert_array_equal(other[name], first[name], err_msg=name)
