import importlib
import os
import pathlib
import subprocess
import sys

import pytest

WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # importing it raises ImportError
import numpy as np, keras, keras_spa as spa
model = spa.SpAModel(
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
    keras.layers.Dense(2), [spa.SpAReg(), spa.SpASLERP(), spa.SpAProj()],
)
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(np.ones((8, 4)), np.arange(8) % 2, verbose=0)
"""


@pytest.mark.process
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_trains_where_tensorflow_is_not_installed(backend):
    pytest.importorskip(backend)
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        env=os.environ | {"KERAS_BACKEND": backend},
        check=True,
    )


ADDED = """
import sys, keras
before = set(sys.modules)
import keras_spa
print(*sorted(set(sys.modules) - before))
"""
SLOW = "scipy.linalg scipy.optimize scipy.special scipy.stats matplotlib PIL pandas"


@pytest.mark.process
def test_the_package_adds_nothing_slow_to_keras():
    done = subprocess.run(
        [sys.executable, "-c", ADDED], capture_output=True, text=True, check=True
    )
    added = done.stdout.split()
    assert "keras_spa.trained.adjustment" in added
    assert not set(SLOW.split()) & set(added)


RECIPES = pathlib.Path(__file__).parents[1] / "recipes"


@pytest.mark.parametrize("script", sorted(path.stem for path in RECIPES.glob("*.py")))
def test_every_script_can_be_imported(script):
    assert hasattr(importlib.import_module(script), "main")
