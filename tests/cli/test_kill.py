"""A training that is killed goes on with the same command, as if it had not been."""

import json
import pathlib
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import small_zoo

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = pytest.mark.process
FLAGS = ("--depth=8", "--batch_size=4", "--epochs=15", "--image_size=12")
FLAGS += ("--patience=0",)
AN_EPOCH = "held-out balanced accuracy"  # in the line of each


def start(output, log):
    command = [sys.executable, "-m", "keras_spa", "train", "zoo", *FLAGS]
    return subprocess.Popen(
        [*command, f"--output={output}"],
        stdout=log,
        stderr=subprocess.STDOUT,
        preexec_fn=heed_ctrl_c,
    )


def heed_ctrl_c():
    """What shells start in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def life(output, ends=None, number=None, after=0.0):
    """What a life printed, and its exit code; it is killed after a certain line.

    SIGKILL waits for a checkpoint as well, which comes a moment after an epoch's line.
    """
    path = pathlib.Path(f"{output}.log")
    with open(path, "w") as log:
        process = start(output, log)
        deadline = time.time() + 200
        while ends and ends not in path.read_text() and time.time() < deadline:
            assert process.poll() is None, path.read_text()
            time.sleep(0.01)
        while number == signal.SIGKILL and time.time() < deadline:
            if list(pathlib.Path(output).glob("1/checkpoints/epoch-*")):
                break
            time.sleep(0.01)
        if number:
            time.sleep(after)
            process.send_signal(number)
        code = process.wait(timeout=300)
    return path.read_text(), code


@pytest.mark.long
@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="start-up costs minutes elsewhere"
)
def test_killed_at_any_time_it_ends_as_if_never_killed(monkeypatch):
    """SIGKILL after an epoch, SIGTERM after another, and the end."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    small_zoo.folder(pathlib.Path("zoo"), ending="jpg", sides=(16, 19))
    random = np.random.RandomState(time.time_ns() % 2**32)
    out, code = life("parts", AN_EPOCH, signal.SIGKILL, random.rand() * 0.3)
    assert code == -signal.SIGKILL
    settings = pathlib.Path("parts/1/settings.json").read_bytes()
    out, code = life("parts", AN_EPOCH, signal.SIGTERM, random.rand() * 0.1)
    assert code == 128 + signal.SIGTERM, out
    assert "goes on in epoch " in out
    last = out.splitlines()[-1]
    assert last.startswith("keras-spa: Stopped by SIGTERM ")
    out, code = life("parts")
    assert code == 0, out
    assert "goes on in epoch " in out
    assert pathlib.Path("parts/1/settings.json").read_bytes() == settings
    whole, code = life("whole")
    assert code == 0, whole
    assert "goes on" not in whole
    histories, weights = [], []
    for output in ("parts", "whole"):
        history = json.loads(pathlib.Path(output, "1/history.json").read_text())
        del history["seconds"]
        histories.append(history)
        path = pathlib.Path(output, "1", "model.keras")
        weights.append(keras.models.load_model(path, compile=False).get_weights())
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-6, err_msg=name)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    assert life("whole")[1] == 0  # another run: the finished one stays as it is
    assert sorted(path.name for path in pathlib.Path("whole").iterdir()) == ["1", "2"]


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the same on all backends"
)
def test_ctrl_c_is_one_line(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    small_zoo.folder(pathlib.Path("zoo"))
    out, code = life("stopped", "resnet_cifar on", signal.SIGINT, 0.5)
    assert code == 128 + signal.SIGINT
    assert out.splitlines()[-1] == "keras-spa: stopped by Ctrl-C"
    assert "Traceback" not in out


DROPPED = """
import signal
from keras_spa.training import signals
signals.listen(lambda: None)
class Last:
    def __init__(self, act): self.act = act
    def __del__(self): self.act()
Last(lambda: signal.raise_signal(signal.SIGINT))
Last(lambda: 1 / 0)
try:
    signals.obey_sigint()
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_ctrl_c_that_python_drops_is_obeyed_in_silence(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [sys.executable, "-c", DROPPED]
    done = subprocess.run(
        command, capture_output=True, text=True, preexec_fn=heed_ctrl_c
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "stopped\n"
    assert "KeyboardInterrupt" not in done.stderr
    assert "ZeroDivisionError" in done.stderr  # what else is dropped is still told
