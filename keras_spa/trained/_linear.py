"""Whether a classifier is the `h @ kernel + bias` that it is taken for."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
from keras import ops
from scipy.special import softmax

from keras_spa._types import Array
from keras_spa.models._surgery.logits import Logits
from keras_spa.models._surgery.up_to_head import UpToHead
from keras_spa.trained.linear_classifier import linear_classifier
from keras_spa.trained.observe import Observer

ROUNDING = {"bfloat16": 2.0**-7}
TENSOR_CORES = 2.0**-10  # float16, and float32 products on some GPUs
SUBNORMAL = 2.0**-24  # the spacing of float16 near 0
BY_NAME = (
    "a CosineDense, a fixed ETF, a Dense without a bias or another layer can be "
    "aligned by name: spa.align(model, dataset, spa.SpASLERP.paper(0.25))"
)


def checked_classifier(observer: Observer) -> tuple[Array, Array]:
    """Weights (K, d) and biases (K,) of a classifier `h @ kernel + bias`."""
    weights, biases = linear_classifier(observer.model)
    if biases is None:
        raise ValueError(
            "Argument `model` must end in a classifier with a bias, `h @ kernel + "
            f"bias`, such as keras.layers.Dense; {BY_NAME}. Received: {_head(observer)}"
        )
    return weights, biases


def linear(
    observed: Iterable[tuple[Array, Array, Array]], observer: Observer
) -> Iterator[tuple[Array, Array, Array]]:
    """What `observe` yields, unchanged, if its first logits are `h @ kernel + bias`."""
    weights, biases = (
        array.astype("float64") for array in checked_classifier(observer)
    )
    rounding = ROUNDING.get(observer.model.classifier.compute_dtype, TENSOR_CORES)
    for batch, (features, logits, labels) in enumerate(observed):
        if batch == 0:
            _check_outputs(observer, logits)
            h = features.astype("float64")
            apart = np.abs(h @ weights.T + biases - logits)
            largest = np.abs(h) @ np.abs(weights.T) + np.abs(biases)
            tiny = SUBNORMAL * (1 + np.abs(weights).sum(axis=1))
            if (apart > 8 * rounding * largest + tiny).any():
                raise ValueError(
                    "Argument `model` must end in a classifier `h @ kernel + bias`, "
                    "without an activation, scale or normalisation of its own, and "
                    f"not quantized; {BY_NAME}. Received: {_head(observer)}, whose "
                    f"logits differ from that by up to {apart.max():.3g}"
                )
        yield features, logits, labels


def _check_outputs(observer: Observer, logits: Array) -> None:
    """Raises if a subclassed model gives something else than its head's logits."""
    backbone = observer.model.backbone
    if not isinstance(backbone, UpToHead):
        return
    few = keras.tree.map_structure(lambda array: array[:8], observer.images)
    outputs = backbone.model(few, training=False)
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    for expected in (logits[:8], softmax(logits[:8], axis=1)):
        if np.abs(outputs - expected).max() <= 0.02 * np.abs(expected).max():
            return
    raise ValueError(
        "Argument `model` must give the logits of its head, or their softmax, without "
        "a scale or anything else after them. Received: "
        f"{type(backbone.model).__name__} named {backbone.model.name!r}, whose outputs "
        f"differ from those of its head {backbone.head.name!r}"
    )


def _head(observer: Observer) -> str:
    layer = observer.model.classifier
    layer = layer.head if isinstance(layer, Logits) else layer
    return f"{type(layer).__name__} named {layer.name!r}"
