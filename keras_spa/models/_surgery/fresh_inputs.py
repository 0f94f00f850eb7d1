"""Inputs of a new model that calls another."""

from typing import Any

import keras


def fresh_inputs(model: keras.Model) -> Any:
    """`keras.Input`s of the structure, shapes and dtypes of a model's own.

    Several are told apart by their names. One has a name of Keras', lest it be that of
    a layer of the new model.
    """
    sequential = isinstance(model, keras.Sequential)
    own = model.inputs[0] if sequential else model.input
    several = len(keras.tree.flatten(own)) > 1
    return keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=tensor.shape,
            dtype=tensor.dtype,
            name=tensor.name if several else None,
        ),
        own,
    )
