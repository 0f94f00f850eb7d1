"""Whether a classifier is one whose logits an alignment of its kernel moves."""

import keras

from keras_spa import _checks
from keras_spa._warn import warn
from keras_spa.models._surgery.linear_map import (
    follows_kernel,
    linear_map,
    probe,
    quantization,
)
from keras_spa.models._surgery.logits import head_of, is_linear


def check_activation(classifier: keras.Layer, argument: str = "classifier") -> None:
    """Raises for a classifier, given as `argument`, with an activation."""
    activation = getattr(classifier, "activation", None)
    if is_linear(activation):
        return
    name = getattr(activation, "__name__", activation)
    raise ValueError(
        f"Argument `{argument}` must give logits: a layer without an activation, such "
        "as keras.layers.Dense(K); of a trained model that ends in a softmax take "
        f"SpAModel.from_model(model). Received: {type(classifier).__name__} "
        f"{classifier.name!r} with activation {name}"
    )


def check_classifier(
    classifier: keras.Layer, aligned: bool, argument: str = "classifier"
) -> None:
    """Raises for one that gives probabilities; warns if its kernel is not all it has.

    A few random features pass through it, once.
    """
    if keras.distribution.distribution() is not None:  # of arrays of several devices
        return
    name = _checks.named(head_of(classifier))
    outputs, dtype = probe(classifier)[1], head_of(classifier).compute_dtype
    if _checks.are_probabilities(outputs, dtype):
        raise ValueError(
            f"Argument `{argument}` must give logits, of which losses take the "
            f"softmax. Received: {name}, which gives probabilities"
        )
    if aligned and not follows_kernel(classifier, linear_map(classifier)):
        warn(
            f"The {name} computes something else than `h @ kernel + bias`, at most "
            "scaled by class, or the cosine of both. Alignment turns its kernel all "
            "the same, towards the class means of its inputs.",
        )


def check_head(
    classifier: keras.Layer, movers: bool, argument: str = "classifier"
) -> None:
    """Raises for a kernel, not whole, that alignments cannot reach or `movers` move."""
    received = f"Received: {_checks.named(classifier)}"
    if mode := quantization(classifier):
        raise ValueError(
            f"Argument `{argument}` must not be quantized in training with an "
            f"alignment: quantize after aligning. {received}, quantized to {mode}"
        )
    if movers:
        raise ValueError(
            f"Argument `{argument}` must be without LoRA, which freezes the kernel "
            "that alignment moves: enable it in the layers of the backbone alone. "
            f"{received} with LoRA"
        )
