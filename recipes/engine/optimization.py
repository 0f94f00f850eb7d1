"""SGD as the published protocols of the field have it."""

from typing import Any

import keras

from engine.config import RunConfig


def make_optimizer(config: RunConfig, rate: float, steps: int) -> keras.Optimizer:
    """SGD with momentum 0.9 and the schedule of a configuration.

    `rate` is the highest learning rate, `steps` are those of an epoch.
    """
    warm_up, epochs = config.warmup_epochs, config.epochs
    if config.schedule == "cosine":
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if warm_up else rate,
            steps * (epochs - warm_up),
            warmup_target=rate if warm_up else None,
            warmup_steps=steps * warm_up,
        )
    else:
        # Epoch e of the warm-up has (e + 1)/warm_up of the rate, as in LDAM-DRW.
        ends = [*range(1, warm_up), *(round(share * epochs) for share in (0.8, 0.9))]
        factors = [(e + 1) / warm_up for e in range(warm_up)] or [1.0]
        factors = [*factors, *config.decay_factors]
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            [steps * end - 1 for end in ends], [rate * factor for factor in factors]
        )
    return CoupledSGD(schedule, momentum=0.9, l2=config.weight_decay)


@keras.saving.register_keras_serializable("keras_spa_recipes")
class CoupledSGD(keras.optimizers.SGD):
    """SGD whose weight decay joins the gradient, as the published protocols have it.

    Keras' `weight_decay` is decoupled: with momentum 0.9 it is a tenth as strong.
    """

    def __init__(self, learning_rate: Any = 0.01, l2: float = 0.0, **kwargs: Any):
        super().__init__(learning_rate, **kwargs)
        self.l2 = l2

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        decay = keras.ops.cast(self.l2 * variable, gradient.dtype)
        super().update_step(gradient + decay, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l2": self.l2}
