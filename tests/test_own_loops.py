"""The loops of docs/own_models.md give the numbers of `SpAModel`."""

import pathlib
import re

import keras
import numpy as np
from keras import ops

import keras_spa as spa

ROOT = pathlib.Path(__file__).parents[1]
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LOOP = "for epoch in range(10):\n"


def the_loop_of(backend):
    """The code before the loop, and the loop over one epoch with what follows it."""
    (code,) = [
        code
        for code in CODE.findall((ROOT / "docs" / "own_models.md").read_text())
        if f'os.environ["KERAS_BACKEND"] = "{backend}"' in code
    ]
    setup, rest = code.split(LOOP)
    return setup, "for epoch in range(1):\n" + rest


def state(names):
    """Kernel and bias of both layers, class means and seen classes."""
    backbone, head, means = (names[n] for n in ("backbone", "head", "class_means"))
    if keras.backend.backend() == "torch":  # its kernels are (K, d)
        tensors = [*backbone.parameters(), *head.parameters()]
        arrays = [tensor.detach().cpu().numpy().T for tensor in tensors]
    else:
        arrays = [*backbone.variables, *head.variables]
    return [np.array(ops.convert_to_numpy(a)) for a in [*arrays, *means.variables]]


def test_the_loop_gives_the_numbers_of_a_spa_model(monkeypatch):
    monkeypatch.chdir(ROOT)  # it reads the digits there
    setup, loop = the_loop_of(keras.backend.backend())
    names = {}
    exec(setup, names)
    layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10)]
    model = spa.SpAModel(
        keras.Sequential([keras.Input((64,)), layers[0]]),
        layers[1],
        [spa.SpAReg(0.3), spa.SpAProj(), spa.SpASLERP(0.02)],
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    first = state(names)
    layers[0].set_weights(first[:2])
    layers[1].set_weights(first[2:4])

    np.random.seed(1)
    exec(loop, names)
    np.random.seed(1)
    x, y = (ops.convert_to_numpy(names[name]) for name in "xy")
    batches = np.array_split(np.random.permutation(names["train"]), 10)
    for batch in batches:
        model.train_on_batch(x[batch], y[batch])
    expected = {
        "backbone": model.backbone,
        "head": model.classifier,
        "class_means": model.class_means,
    }
    variables = [v for part in expected.values() for v in part.variables]
    for before, got, variable in zip(first, state(names), variables, strict=True):
        want = ops.convert_to_numpy(variable)
        np.testing.assert_allclose(got, want, atol=1e-5, err_msg=variable.path)
        assert not np.array_equal(got, before)
