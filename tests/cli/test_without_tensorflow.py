"""Where TensorFlow is not installed, arrays train, and files say what is missing."""

import os
import pathlib
import subprocess
import sys

import pytest
import small_zoo

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = [pytest.mark.process, pytest.mark.once]
WITHOUT = """
import sys

class Nowhere:
    def find_spec(name, *others):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Nowhere)
from keras_spa_cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(*arguments):
    """With the first other backend that is there, chosen by the command."""
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


@pytest.mark.long
def test_arrays_train_and_are_judged():
    pytest.importorskip("jax")
    small_zoo.archive(pathlib.Path("zoo.npz"))
    done = run("train", "zoo.npz", "--depth=8", "--epochs=1", "--batch_size=8")
    assert done.returncode == 0, done.stderr
    assert (
        '"backend": "jax"' in pathlib.Path("keras-spa-runs/1/settings.json").read_text()
    )
    done = run("evaluate", "keras-spa-runs/1/aligned.keras", "zoo.npz")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 test images of 4 classes\n")


def test_large_files_need_it():
    pytest.importorskip("jax")
    small_zoo.folder(pathlib.Path("zoo"), sides=(70, 71))
    done = run("train", "zoo")
    assert done.returncode == 2
    assert (
        "read by TensorFlow, which is missing (pip install tensorflow)" in done.stderr
    )
    assert "Traceback" not in done.stderr
