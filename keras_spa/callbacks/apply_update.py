from typing import Any

import keras

from keras_spa import _checks
from keras_spa._keras_private import all_layers
from keras_spa.layers.spa_dense import SpADense
from keras_spa.models.spa_model import SpAModel


class ApplyUpdate(keras.callbacks.Callback):
    """Updates the weights of every `SpADense` after each optimizer step of `fit`.

    What `SpADense.apply_update` does, of which only SpA-SLERP has need: `SpAModel` does
    it by itself, a model of your own with a `SpADense` needs this callback. A batch
    without an optimizer step (gradients accumulate, or float16 overflows) brings no
    update.

    Updates come after each batch that Keras reports, so leave `steps_per_execution` at
    1. On JAX a look at the model's weights after each batch costs some time.

    Raises:
        ValueError: in `fit`, a model without a `SpADense`, or a `SpAModel`.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> image, label = keras.Input((8,)), keras.Input((), dtype="int32")
    >>> head = spa.layers.SpADense(3, spa.SpASLERP(0.02))
    >>> model = keras.Model([image, label], head(image, label))
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> x, y = np.random.rand(32, 8), np.arange(32) % 3
    >>> update = spa.callbacks.ApplyUpdate()
    >>> history = model.fit([x, y], y, callbacks=[update], verbose=0)

    Reference: SpA-SLERP of Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters";
    the callback is ours.
    """

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        model = self.model
        if not isinstance(model, keras.Model):
            raise ValueError(
                f"ApplyUpdate needs a model of Keras. Received: {type(model).__name__}"
            )
        self._heads = [one for one in all_layers(model) if isinstance(one, SpADense)]
        if isinstance(model, SpAModel) or not self._heads:
            raise ValueError(
                "ApplyUpdate needs a model with a layers.SpADense, and not a SpAModel, "
                "which updates its weights by itself. "
                f"Received: {_checks.named(model)}"
            )
        self._steps = int(_iterations(model))

    def on_train_batch_end(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        # On JAX this brings the weights up to date.
        iterations = _iterations(self.model)
        if int(iterations) != self._steps:
            self._steps = int(iterations)
            for head in self._heads:
                head.apply_update(iterations)


def _iterations(model: keras.Model) -> keras.Variable:
    """Updates of the weights so far."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    return optimizer.iterations
