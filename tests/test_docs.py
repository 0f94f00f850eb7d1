"""Every block of code in docs/ runs as printed, in a folder with data to run on."""

import pathlib
import re
import subprocess
import sys

import cifar_for_tfds
import keras
import numpy as np
import PIL.Image
import pytest

from keras_spa.data import long_tail_counts

ROOT = pathlib.Path(__file__).parents[1]
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [
    (path.name, number, code)
    for path in sorted((ROOT / "docs").glob("*.md"))
    for number, code in enumerate(CODE.findall(path.read_text()))
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An archive of 100 classes, CIFAR-100 for TFDS, folders of photographs."""
    folder = tmp_path_factory.mktemp("docs")
    random = np.random.RandomState(0)
    train = np.repeat(np.arange(100), long_tail_counts(100, 8, 8))
    test = np.arange(100)
    arrays = {}
    for name, labels in (("train", train), ("test", test)):
        shape = (len(labels), 32, 32, 3)
        arrays[f"x_{name}"] = random.randint(0, 256, shape).astype("uint8")
        arrays[f"y_{name}"] = labels
    np.savez(folder / "cifar100_lt50.npz", **arrays)
    for name, count in (("cat", 12), ("dog", 7), ("emu", 4)):
        (folder / "animals" / "train" / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.randint(0, 256, (70, 90, 3)).astype("uint8")
            image = PIL.Image.fromarray(pixels)
            image.save(folder / "animals" / "train" / name / f"{i}.jpg")
    cifar_for_tfds.prepare(folder / "datasets")
    return folder


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize(("name", "number", "code"), BLOCKS)
def test_code_runs_as_printed(folder, name, number, code):
    if '"KERAS_BACKEND"] = "torch"' in code:
        pytest.importorskip("torch")
    if '.export("exported")' in code and keras.backend.backend() == "torch":
        pytest.skip("Keras writes no SavedModel there")
    # The data of the test are fewer than those of the text.
    code = code.replace("imbalance_factor=100", "imbalance_factor=8")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
