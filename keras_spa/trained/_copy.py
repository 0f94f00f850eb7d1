"""A copy of a trained model, and another classifier for it."""

import dataclasses
import itertools

import keras
import numpy as np
from keras import ops

from keras_spa import _checks
from keras_spa._keras_private import all_layers, own_variables
from keras_spa._types import Array, Dataset
from keras_spa.models import SpAModel
from keras_spa.models._surgery.copy import check_copy, compile_like, uncompiled_copy
from keras_spa.trained._batches import array_batches
from keras_spa.trained._linear import check_movable
from keras_spa.trained._passes import check_repeatable
from keras_spa.trained.observe import Observer


def checked_copy(
    model: keras.Model, observer: Observer, dataset: Dataset, batch_size: int
) -> keras.Model:
    """A copy of a model whose classifier can be set."""
    batch_size = _checks.integer("batch_size", batch_size, 1)
    check_repeatable(dataset)
    check_movable(observer)
    copy = uncompiled_copy(model)
    for images, _ in itertools.islice(array_batches(dataset, batch_size)[0], 1):
        observer.check_images(images)
        check_copy(model, copy, images)
    return copy


def set_classifier(
    model: keras.Model,
    observer: Observer,
    copy: keras.Model,
    classifier: tuple[Array, Array | None],
    done: str,
) -> None:
    """Gives the copy its classifier, and says so on its card."""
    weights, biases = classifier
    twins = {
        id(old): new
        for layers in zip(all_layers(model), all_layers(copy), strict=True)
        # A covariance that no alignment asks for is not copied; it comes last.
        for old, new in zip(*map(own_variables, layers), strict=False)
    }
    _assign(twins[id(observer.model.aligned_kernel)], np.transpose(weights))
    if biases is not None:
        _assign(twins[id(observer.model.aligned_bias)], biases)
    if isinstance(copy, SpAModel) and copy.card is not None:
        method = f"{copy.card.method} {done}".lstrip()
        copy.card = dataclasses.replace(copy.card, accuracy={}, method=method)
    compile_like(model, copy)


def _assign(variable: keras.Variable, value: Array) -> None:
    with np.errstate(over="ignore"):
        variable.assign(value)
    stored = ops.convert_to_numpy(ops.cast(variable, "float32"))
    if not np.isfinite(stored).all():
        raise ValueError(
            "Argument `model` must have a classifier whose dtype holds its new "
            f"weights, up to {np.abs(value).max():.3g} (scale the features up, or use "
            f"a mixed dtype policy). Received: {variable.path} of {variable.dtype}"
        )
