"""A copy of a model through its configuration, and whether it is one."""

import tempfile
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._keras_private import all_layers
from keras_spa._types import Array
from keras_spa._warn import warn
from keras_spa.models._surgery import own_objects


def uncompiled_copy(model: keras.Model, in_float32: bool = False) -> keras.Model:
    """A model of the same type with weights of its own, of the same values.

    With `in_float32` all its layers compute in float32.
    """
    try:
        held = [own_objects.held(layer) for layer in all_layers(model)]
        with own_objects.lambdas_named(held):
            config = keras.saving.serialize_keras_object(model)
            known = own_objects.custom_objects(held)
        config = _uncompiled(config, in_float32)
        # Safe mode guards against files; the functions of this model are running.
        copy = keras.saving.deserialize_keras_object(config, known, safe_mode=False)
        _copy_state(model, copy)
        for layer, old, new in zip(
            all_layers(model), held, all_layers(copy), strict=True
        ):
            own_objects.check_same(old, own_objects.held(new), layer.name)
    except Exception as error:
        raise _not_copied(model, error) from error
    return copy


def _not_copied(model: keras.Model, error: Exception) -> ValueError:
    return ValueError(
        "Argument `model` must be a model that can be copied through its "
        "configuration: give a class of your own a `get_config`, and a `build` if "
        "Keras cannot build it; name what Keras does not find with "
        "`keras.saving.register_keras_serializable`, or in a "
        "`keras.saving.custom_object_scope` around this call. "
        f"Received: {_checks.named(model)}, whose copy "
        f"fails with {type(error).__name__}: {_reason(error)}"
    )


def _reason(error: Exception) -> str:
    """The line that says most of an error, which Keras wraps in others."""
    text = str(error)
    for mark in ("Exception encountered: ", "\033[1m"):  # bold within a call
        text = text.rpartition(mark)[2]
    return text.partition("\033[0m")[0].strip().partition("\n")[0]


def _uncompiled(config: Any, in_float32: bool) -> Any:
    """The configuration without losses and metrics, which need not be registered."""
    if isinstance(config, list):
        return [_uncompiled(part, in_float32) for part in config]
    if not isinstance(config, dict):
        return config
    if in_float32 and config.get("class_name") == "DTypePolicy":
        return {**config, "config": {"name": "float32"}}
    parts = config.items()
    return {k: _uncompiled(v, in_float32) for k, v in parts if k != "compile_config"}


def _copy_state(model: keras.Model, copy: keras.Model) -> None:
    """Weights, and what layers derive from them.

    `set_weights` is not enough: a `Normalization` keeps numbers that it derives from
    its variables, and a lookup layer its vocabulary.
    """
    pairs = zip(all_layers(model), all_layers(copy), strict=True)
    for old, new in pairs:
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as folder:
                old.save_assets(folder)
                new.load_assets(folder)
        variables: dict[str, Any] = {}
        old.save_own_variables(variables)
        # On JAX the two would share buffers, of which the next step lets go.
        arrays = {name: np.asarray(value).copy() for name, value in variables.items()}
        new.load_own_variables(arrays)


def check_copy(model: keras.Model, copy: keras.Model, images: Any) -> None:
    """Raises if a configuration that Keras accepts leaves something out."""
    few = keras.tree.map_structure(lambda array: array[:8], images)
    old = _outputs(model, few)
    try:
        new = _outputs(copy, few)
    except Exception as error:
        raise _not_copied(model, error) from error
    if not np.allclose(old, new, rtol=1e-2, atol=1e-3, equal_nan=True):
        raise ValueError(
            "Argument `model` must be a model that can be copied through its "
            "configuration: its `get_config` must hold all arguments of its class. "
            f"Received: {_checks.named(model)}, whose copy with "
            "the same weights computes something else"
        )


def _outputs(model: keras.Model, images: Any) -> Array:
    (outputs,) = keras.tree.flatten(model(images, training=False))
    return ops.convert_to_numpy(ops.cast(outputs, "float32"))


def compile_like(model: keras.Model, copy: keras.Model) -> None:
    """Compiles a copy as the model is, with an optimizer of its own.

    Losses and metrics that Keras does not know are found by the classes of the model's.
    What cannot be made anew from its configuration is left to the user, with a warning.
    """
    if not model.compiled:
        return
    parts = keras.tree.flatten([model.optimizer, model.loss, model.metrics])
    known = {
        getattr(part, "__name__", type(part).__name__): (
            part if hasattr(part, "__name__") else type(part)
        )
        for part in parts
    }
    try:
        with keras.saving.custom_object_scope(known):
            copy.compile_from_config(model.get_compile_config())
    except Exception as error:
        warn(
            "The aligned model is not compiled, for what `model` was compiled with "
            "cannot be made anew from its configuration: compile it yourself. "
            f"{type(error).__name__}: " + str(error).split("\n")[0],
        )
