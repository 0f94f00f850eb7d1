from typing import Any

import keras

from keras_spa import _arrays


class CheckedInputs(keras.Layer):
    """Mixin of a layer: arrays of numbers, or an error that names the argument."""

    _arguments: tuple[str, ...] = ("features", "labels", "sample_weight")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        checked = [
            given if given is None else _arrays.tensor(name, given)
            for name, given in zip(self._arguments, args, strict=False)
        ]
        for name in self._arguments:
            if kwargs.get(name) is not None:
                kwargs[name] = _arrays.tensor(name, kwargs[name])
        return super().__call__(*checked, *args[len(checked) :], **kwargs)
