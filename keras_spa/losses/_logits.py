"""Logits where a model that ends in a softmax gives probabilities."""

import keras
from keras import ops

from keras_spa import _checks, _keras_private
from keras_spa._types import Tensor
from keras_spa._warn import warn


def as_logits(outputs: Tensor) -> Tensor:
    """The logits themselves; of probabilities (B, K) those of which they come.

    Probabilities are rows of non-negative numbers that sum to 1, in the whole batch:
    their logarithms are logits that give the same softmax. A warning says so where
    their values can be read, or TensorFlow tells that they come from a softmax. In a
    traced step the logarithm is taken as well.
    """
    known = _known(outputs)
    if known is not None and not known:
        return outputs
    before = _keras_private.logits_of(outputs)  # what Keras' own losses take
    if known or before is not None:
        _warn()
    found = _may_be_probabilities(outputs)
    if before is None:
        before = _log(ops.where(found, outputs, 1.0))
    return ops.where(found, ops.cast(before, outputs.dtype), outputs)


def rounded_probabilities(outputs: Tensor) -> Tensor:
    """Outputs (B, K), whose rows sum to 1 again if they are probabilities of 16 bits.

    Those of a softmax in bfloat16 miss 1 by up to 0.004, and Keras' losses cast them.
    """
    tolerance = _checks.sum_tolerance(outputs.dtype)
    if tolerance == _checks.sum_tolerance("float32") or len(outputs.shape) != 2:
        return outputs
    before = _keras_private.logits_of(outputs)
    outputs = ops.cast(outputs, "float32")
    found = _may_be_probabilities(outputs, tolerance)
    sums = ops.sum(outputs, axis=-1, keepdims=True)
    outputs = outputs / ops.where(found, sums, 1.0)
    if before is not None:  # which the cast dropped
        _keras_private.keep_logits(outputs, ops.cast(before, outputs.dtype))
    return outputs


def _log(probabilities: Tensor) -> Tensor:
    half = keras.backend.standardize_dtype(probabilities.dtype) == "float16"
    return ops.log(ops.maximum(probabilities, 1e-7 if half else 1e-30))


def nan_of_probabilities(values: Tensor, outputs: Tensor) -> Tensor:
    """`values` (B,), if the outputs (B, K) that they are of can be dot products.

    Raises:
        ValueError: they are probabilities, where their values can be read; NaN
            elsewhere.
    """
    known = _known(outputs)
    kept = known is None and _keras_private.logits_of(outputs) is not None
    if known or kept:
        raise ValueError(
            "Argument `y_pred` must be dot products, without a softmax. Received: "
            "probabilities"
        )
    if known is not None:
        return values
    return ops.where(_may_be_probabilities(outputs), float("nan"), values)


def _may_be_probabilities(outputs: Tensor, tolerance: float | None = None) -> Tensor:
    """`_checks.are_probabilities` where values cannot be read: a tensor of truth."""
    sums = ops.sum(outputs, axis=-1)
    close = ops.abs(sums - 1) <= (tolerance or _checks.sum_tolerance(outputs.dtype))
    return ops.all(outputs >= 0) & ops.all(close)


def _known(outputs: Tensor) -> bool | None:
    """Whether these are probabilities; None if that cannot be read here and now."""
    values = _checks.known(outputs)
    return None if values is None else _checks.are_probabilities(values)


def _warn() -> None:
    warn(
        "Probabilities were given where logits are meant: their logarithms are taken, "
        "which give the same softmax. Better leave the softmax out of the model, or "
        "train it as keras_spa.SpAModel.from_model(model), which does so.",
    )
