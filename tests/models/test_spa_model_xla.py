"""Compiled by XLA the step gives the same numbers, and is compiled once.

The stand-in for TPUs, which run nothing else.
"""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="PyTorch compiles without XLA"
)


def fit(model, epochs):
    """Of three batches of an epoch the last is smaller."""
    x, y = toys.data(37)
    fitted = model.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return fitted.history


@pytest.mark.slow
def test_xla_gives_the_same_numbers_and_is_traced_once_a_shape(monkeypatch):
    step, traced = spa.SpAModel.train_step, []

    def counted(self, *arguments):
        traced.append(self.jit_compile)
        return step(self, *arguments)

    plain = toys.model(toys.all_alignments(), compiled={"jit_compile": False})
    expected = fit(plain, 6)
    monkeypatch.setattr(spa.SpAModel, "train_step", counted)
    model = toys.model(toys.all_alignments(), compiled={"jit_compile": True})
    model.optimizer.build(model.trainable_variables)  # or TensorFlow traces once more
    first = fit(model, 1)
    # TensorFlow traces one step for batches of any size, JAX one for each of the two.
    shapes = 2 if keras.backend.backend() == "jax" else 1
    assert traced == [True] * shapes
    rest = fit(model, 5)
    assert traced == [True] * shapes
    toys.assert_same_state(model, plain, atol=1e-5)
    for log, values in expected.items():
        np.testing.assert_allclose([*first[log], *rest[log]], values, atol=1e-5)
