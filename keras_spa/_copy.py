"""A copy of a model through its configuration, and whether it is one."""

import keras
import numpy as np
from keras import ops


def uncompiled_copy(model):
    """A model of the same type with weights of its own, of the same values."""
    classes = {type(layer).__name__: type(layer) for layer in model._flatten_layers()}
    try:
        config = {
            "module": type(model).__module__,
            "class_name": type(model).__name__,
            "registered_name": keras.saving.get_registered_name(type(model)),
            "config": _uncompiled(model.get_config()),
            "build_config": model.get_build_config(),
        }
        # Safe mode guards against files; the functions of this model are running.
        copy = keras.saving.deserialize_keras_object(config, classes, safe_mode=False)
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise ValueError(
            "Argument `model` must be a model that can be copied through its "
            "configuration: give its class a `get_config`, and a `build` if Keras "
            f"cannot build it. Received: {type(model).__name__} named {model.name!r}, "
            f"which fails with {type(error).__name__}: " + str(error).split("\n")[0]
        ) from error
    return copy


def _uncompiled(config):
    """A configuration without inner models' losses, which need not be registered."""
    if isinstance(config, dict):
        parts = config.items()
        return {k: _uncompiled(part) for k, part in parts if k != "compile_config"}
    return [*map(_uncompiled, config)] if isinstance(config, list) else config


def check_copy(model, copy, images):
    """Raises if a configuration that Keras accepts leaves something out."""
    few = keras.tree.map_structure(lambda array: array[:8], images)
    outputs = (ops.cast(m(few, training=False), "float32") for m in (model, copy))
    old, new = map(ops.convert_to_numpy, outputs)
    if not np.allclose(old, new, rtol=1e-2, atol=1e-3, equal_nan=True):
        raise ValueError(
            "Argument `model` must be a model that can be copied through its "
            "configuration: its `get_config` must hold all arguments of its class. "
            f"Received: {type(model).__name__} named {model.name!r}, whose copy with "
            "the same weights computes something else"
        )
