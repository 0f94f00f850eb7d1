"""A classifier's logits, where its model ends in a softmax or in another dtype."""

import contextlib
from collections.abc import Iterator
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from keras_spa._types import Shape, Tensor
from keras_spa.models._config import deserialize_parts


def is_linear(activation: Any) -> bool:
    """Whether an activation is none, or changes nothing, as a lambda of a user's."""
    if activation in (None, keras.activations.linear):
        return True
    values = np.concatenate([np.linspace(-8, 8, 16), [-1e4, 1e4]])
    values = np.tile(values.astype("float32"), (2, 1))
    try:
        found = activation(ops.convert_to_tensor(values))
        return np.array_equal(ops.convert_to_numpy(found), values)
    except Exception:  # of whatever a user brought
        return False


def ends_in_softmax(layer: keras.Layer) -> bool:
    return getattr(layer, "activation", None) is keras.activations.softmax


def head_of(classifier: keras.Layer) -> keras.Layer:
    """The layer whose kernel a classifier uses."""
    return classifier.head if isinstance(classifier, Logits) else classifier


def logits_layer(head: keras.Layer, dtype: str | None = None) -> keras.Layer:
    """The head itself, if it gives logits in that dtype, or `Logits` around it."""
    if ends_in_softmax(head) or dtype not in (None, head.compute_dtype):
        return Logits(head, dtype)
    return head


@keras.saving.register_keras_serializable(package="keras_spa")
class Logits(keras.Layer):
    """`inputs @ kernel + bias` of a Dense, without its softmax and in another dtype.

    Shares the variables of `head`, a Dense or, for another dtype only, any layer that
    gives logits. `logits_dtype` None is the compute dtype of the head.
    """

    def __init__(
        self, head: keras.Layer, logits_dtype: str | None = None, **kwargs: Any
    ) -> None:
        # That of a quantized head is for layers that are quantized themselves.
        policy = head.compute_dtype if head.quantization_mode else head.dtype_policy
        kwargs.setdefault("dtype", policy)
        super().__init__(**kwargs)
        self.head = head
        self.logits_dtype = logits_dtype

    def build(self, input_shape: Shape) -> None:
        if not self.head.built:
            self.head.build(input_shape)

    @property
    def kernel(self) -> keras.Variable:
        return self.head.kernel

    @property
    def bias(self) -> keras.Variable | None:
        return getattr(self.head, "bias", None)

    def call(self, inputs: Tensor) -> Tensor:
        if ends_in_softmax(self.head) and self.head.quantization_mode:
            with _without_activation(self.head):  # its kernel holds codes
                logits = self.head(inputs)
        elif ends_in_softmax(self.head):
            logits = ops.matmul(inputs, self.kernel)
            if self.bias is not None:
                logits = ops.add(logits, self.bias)
        else:
            logits = self.head(inputs)
        return ops.cast(logits, self.logits_dtype or self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        head = keras.saving.serialize_keras_object(self.head)
        own = {"head": head, "logits_dtype": self.logits_dtype}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**deserialize_parts(config, ("head", "dtype")))


@contextlib.contextmanager
def _without_activation(layer: keras.Layer) -> Iterator[None]:
    activation = layer.activation
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation
