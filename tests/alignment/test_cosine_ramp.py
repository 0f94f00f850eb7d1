import math

import numpy as np
import pytest
from keras import ops

from keras_spa import CosineRamp


@pytest.mark.parametrize("step", [0, 1, 50, 99, 100, 101, 10**6])
@pytest.mark.parametrize("rate", [0.0, 0.02, 1.0])
def test_matches_the_formula(rate, step):
    expected = rate * 0.5 * (1 - math.cos(math.pi * min(step, 100) / 100))
    assert float(CosineRamp(rate, steps=100)(step)) == pytest.approx(expected, abs=1e-6)


def test_takes_the_iterations_of_an_optimizer():
    step = ops.convert_to_tensor(5, dtype="int32")
    assert float(CosineRamp(0.5, steps=10)(step)) == pytest.approx(0.25)


def test_never_falls():
    rates = [float(CosineRamp(0.2, steps=30)(step)) for step in range(40)]
    assert np.all(np.diff(rates[:31]) > 0)
    assert rates[30:] == [pytest.approx(0.2)] * 10
