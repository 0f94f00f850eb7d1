"""Whether a classifier is the `h @ kernel + bias` that it is taken for."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
import scipy
from keras import ops

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.models._surgery.linear_map import (
    LinearMap,
    as_array,
    follows_kernel,
    is_whole,
    linear_map,
    probe,
    quantization,
)
from keras_spa.models._surgery.logits import head_of
from keras_spa.models._surgery.up_to_head import UpToHead
from keras_spa.trained.linear_classifier import linear_classifier, readable
from keras_spa.trained.observe import Observer

CONVERT = (
    "make one of a CosineDense, a fixed ETF, a Dense without a bias or another linear "
    "layer, spa.trained.convert_head(model), but put it into a subclassed model by hand"
)


def check_whole(observer: Observer) -> None:
    """Raises if the classifier is quantized, or has LoRA."""
    classifier = observer.model.classifier
    if mode := quantization(classifier):
        raise ValueError(
            "Argument `model` must have a classifier that is not quantized: align "
            "first, and quantize what you get, aligned.quantize(...). Received: "
            f"{_head(observer)}, quantized to {mode}"
        )
    if not is_whole(classifier):
        raise ValueError(
            "Argument `model` must have a classifier without LoRA, which aligning "
            "replaces: put keras.layers.Dense(K) in its place, with "
            "`set_weights([head.kernel, head.bias])`. Received: "
            f"{_head(observer)} with LoRA"
        )


def check_movable(observer: Observer) -> None:
    """Raises if moving the kernel of the classifier would not move what it does."""
    check_whole(observer)
    classifier = observer.model.classifier
    if not follows_kernel(classifier, linear_map(classifier)):
        raise ValueError(
            "Argument `model` must have a classifier that decides by its kernel (d, K) "
            "and its `bias`: h @ kernel + bias, at most scaled by class, or the cosine "
            f"of both. Received: {_head(observer)}, which does something else"
        )


def stored_classifier(observer: Observer) -> tuple[Array, Array | None]:
    """Weights (K, d) and biases (K,) that a classifier holds, made unit of a cosine.

    Where a scale follows them they are not what it computes with.
    """
    head = head_of(observer.model.classifier)
    read = linear_map(head)
    if read is not None and read.kind == "cosine":
        return read.weights, None
    bias = getattr(head, "bias", None)
    return as_array(head.kernel).T, None if bias is None else as_array(bias)


def checked_classifier(observer: Observer) -> tuple[Array, Array]:
    """Weights (K, d) and biases (K,) of a classifier `h @ kernel + bias`."""
    check_movable(observer)
    weights, biases = linear_classifier(observer.model)
    if biases is None:
        raise ValueError(
            "Argument `model` must end in a classifier with a bias, `h @ kernel + "
            f"bias`, such as keras.layers.Dense; {CONVERT}. Received: {_head(observer)}"
        )
    return weights, biases


def linear(
    observed: Iterable[tuple[Array, Array, Array]], observer: Observer
) -> Iterator[tuple[Array, Array, Array]]:
    """What `observe` yields, unchanged, if its first logits are `h @ kernel + bias`.

    Or `h @ kernel`, of a classifier that has no bias.
    """
    head = head_of(observer.model.classifier)
    bias = getattr(head, "bias", None)
    biases = None if bias is None else as_array(bias)
    stored = LinearMap(as_array(head.kernel).T, biases, "stored")
    return _fitting(
        observed,
        observer,
        stored,
        "Argument `model` must end in a classifier `h @ kernel + bias`, without an "
        f"activation, scale or normalisation of its own; {CONVERT}. ",
    )


def as_read(
    observed: Iterable[tuple[Array, Array, Array]], observer: Observer
) -> Iterator[tuple[Array, Array, Array]]:
    """What `observe` yields, unchanged, if `linear_classifier` gives its first logits.

    Or logits that decide as it does, of a classifier that sees directions only.
    """
    return _fitting(
        observed,
        observer,
        readable(observer.model),
        "Argument `model` must have a classifier that is linear, or the cosine of "
        "features and weights, for features of any size. ",
    )


def _fitting(
    observed: Iterable[tuple[Array, Array, Array]],
    observer: Observer,
    expected: LinearMap,
    message: str,
) -> Iterator[tuple[Array, Array, Array]]:
    for batch, (features, logits, labels) in enumerate(observed):
        if batch == 0:
            _check_outputs(observer, logits)
            apart = expected.apart(observer.model.classifier, features, logits)
            if apart:
                raise ValueError(
                    f"{message}Received: {_head(observer)}, whose logits differ from "
                    f"that by up to {apart:.3g}"
                )
        yield features, logits, labels


def check_linear(observer: Observer) -> None:
    """Raises if the classifier is another than `h @ kernel + bias`, without data."""
    features, logits = probe(observer.model.classifier)
    next(linear([(features, logits, np.zeros(len(logits)))], observer))


def _check_outputs(observer: Observer, logits: Array) -> None:
    """Raises if a subclassed model gives something else than its head's logits."""
    backbone = observer.model.backbone
    if not isinstance(backbone, UpToHead) or observer.images is None:
        return
    few = keras.tree.map_structure(lambda array: array[:8], observer.images)
    outputs = backbone.model(few, training=False)
    outputs = ops.convert_to_numpy(ops.cast(outputs, "float32"))
    for expected in (logits[:8], scipy.special.softmax(logits[:8], axis=1)):
        if np.abs(outputs - expected).max() <= 0.02 * np.abs(expected).max():
            return
    raise ValueError(
        "Argument `model` must give the logits of its head, or their softmax, without "
        "a scale or anything else after them. Received: "
        f"{_checks.named(backbone.model)}, whose outputs "
        f"differ from those of its head {backbone.head.name!r}"
    )


def _head(observer: Observer) -> str:
    return _checks.named(head_of(observer.model.classifier))
