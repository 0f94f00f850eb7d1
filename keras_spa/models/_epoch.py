"""A model that knows the epoch it trains in."""

import inspect
from typing import TYPE_CHECKING, Any

import keras

Model: Any = keras.Model if TYPE_CHECKING else object


class KnowsEpoch(Model):
    """Mixin of a `keras.Model` with a variable `epoch`, which `fit` keeps."""

    epoch: keras.Variable

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; the model learns the number of each epoch."""
        given = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs)
        callbacks = given.arguments.get("callbacks") or []
        if isinstance(callbacks, keras.callbacks.CallbackList):
            if not any(isinstance(one, _SetEpoch) for one in callbacks.callbacks):
                callbacks.callbacks.insert(0, _SetEpoch())
            callbacks.set_model(self)  # Keras leaves it to whoever made the list
        else:
            given.arguments["callbacks"] = [_SetEpoch(), *keras.tree.flatten(callbacks)]
        return super().fit(*given.args[1:], **given.kwargs)


class _SetEpoch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.epoch.assign(epoch)
