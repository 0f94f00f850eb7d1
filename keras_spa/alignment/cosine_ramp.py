import math
from typing import Any

import keras
from keras import ops

from keras_spa import _checks
from keras_spa._types import Tensor


@keras.saving.register_keras_serializable(package="keras_spa")
class CosineRamp(keras.optimizers.schedules.LearningRateSchedule):
    """A rate that rises from 0 to its full value along half a cosine, then stays.

    `a_t = a · ½(1 − cos(π·min(t, T)/T))`

    Args:
        rate: a, the final value, in [0, 1].
        steps: T, the optimizer iterations of the rise, an integer of at least 1.

    Raises:
        ValueError: `rate` out of range or `steps` not a positive integer.

    Example:

    >>> import keras_spa as spa
    >>> ramp = spa.CosineRamp(0.2, steps=100)
    >>> [round(float(ramp(t)), 3) for t in (0, 50, 100, 1000)]
    [0.0, 0.1, 0.2, 0.2]

    Reference: drafts of Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters".
    """

    def __init__(self, rate: float, steps: int) -> None:
        self.rate = _checks.number("rate", rate, 0, 1)
        self.steps = _checks.integer("steps", steps, 1)

    def __call__(self, step: Tensor) -> Tensor:
        done = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        return self.rate * 0.5 * (1 - ops.cos(math.pi * done))

    def __repr__(self) -> str:
        return f"CosineRamp(rate={self.rate}, steps={self.steps})"

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "steps": self.steps}
