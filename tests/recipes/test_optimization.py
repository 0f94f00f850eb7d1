"""The schedules are those of the published protocols, and so is weight decay."""

import keras
import lives
import numpy as np
import pytest

from engine.optimization import CoupledSGD, make_optimizer


def test_weight_decay_joins_the_gradient():
    variable = keras.Variable([2.0])
    optimizer = CoupledSGD(0.5, l2=0.1, momentum=0.9)
    velocity, value = 0.0, 2.0
    for gradient in (1.0, -3.0, 0.5):
        optimizer.apply([keras.ops.convert_to_tensor([gradient])], [variable])
        velocity = 0.9 * velocity + gradient + 0.1 * value  # as PyTorch's SGD
        value -= 0.5 * velocity
    np.testing.assert_allclose(variable.numpy(), [value], rtol=1e-6)
    assert CoupledSGD.from_config(optimizer.get_config()).l2 == 0.1


def rates(epochs, steps, *arguments):
    """The learning rate of each step."""
    config = lives.config(f"--epochs={epochs}", *arguments)
    optimizer = make_optimizer(config, 0.1, steps)
    rates = []
    for step in range(epochs * steps):
        optimizer.iterations.assign(step)
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
    return rates


def test_steps_schedule_is_that_of_ldam_drw():
    measured = rates(20, 3, "--warmup_epochs=5")
    expected = [0.02, 0.04, 0.06, 0.08, 0.1, *[0.1] * 11, *[1e-3] * 2, *[1e-5] * 2]
    np.testing.assert_allclose(measured, np.repeat(expected, 3), rtol=1e-6)


def test_steps_schedule_without_warm_up():
    measured = rates(10, 2, "--decay_factors=0.1,0.01")
    expected = [0.1] * 8 + [0.01, 0.001]
    np.testing.assert_allclose(measured, np.repeat(expected, 2), rtol=1e-6)


def test_cosine_schedule_rises_then_falls():
    measured = rates(10, 10, "--schedule=cosine", "--warmup_epochs=2")
    assert np.argmax(measured) == 20
    assert max(measured) == pytest.approx(0.1)
    assert np.all(np.diff(measured[:21]) > 0)
    assert np.all(np.diff(measured[20:]) < 0)
    assert measured[-1] < 1e-4
