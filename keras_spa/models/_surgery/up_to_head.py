"""The backbone of a subclassed model: what the model gives its head."""

import contextlib
import functools
import operator
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self

import keras

from keras_spa._keras_private import all_layers, attributes
from keras_spa._types import Shape, Tensor
from keras_spa.models._config import deserialize_parts
from keras_spa.models._surgery.linear_map import kernel_shape


@keras.saving.register_keras_serializable(package="keras_spa")
class UpToHead(keras.Layer):
    """Features (B, d): the input of `head` as `model` calls it.

    One forward pass of the whole model; what it makes of the head's output is left
    unused. `head` is one of its layers, the (dotted) name of an attribute, the name of
    a layer, or the place among `model`'s layers.
    """

    def __init__(
        self, model: keras.Model, head: keras.Layer | str | int, **kwargs: Any
    ) -> None:
        kwargs.setdefault("dtype", model.dtype_policy)
        super().__init__(autocast=model.autocast, **kwargs)
        self.model = model
        self.head = find_layer(model, head)

    def build(self, input_shape: Any) -> None:
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Tensor:
        with _recorded_calls(self.head) as calls:
            outputs = self.model(inputs)
        if len(calls) != 1:
            raise ValueError(
                f"Argument `head` must be called once when the model is. Received: "
                f"head {self.head.name!r}, which {type(self.model).__name__} calls "
                f"{len(calls)} times"
            )
        ((features, logits),) = calls
        if len(features.shape) != 2:
            raise ValueError(
                "Argument `head` must be called with features of shape (B, d). "
                f"Received: head {self.head.name!r} called with {features.shape}"
            )
        shapes: list[Any] = [
            getattr(tensor, "shape", None) for tensor in (logits, outputs)
        ]
        if shapes[1] is None or tuple(shapes[0]) != tuple(shapes[1]):
            raise ValueError(
                "Argument `head` must give the model's output, the logits (at most a "
                f"softmax may follow). Received: head {self.head.name!r} with output "
                f"shape {tuple(shapes[0])}, model {type(self.model).__name__} with "
                f"output {shapes[1] or outputs}"
            )
        return features

    def compute_output_shape(self, input_shape: Any) -> Shape:
        batch = keras.tree.flatten(input_shape)[0]
        return (batch, kernel_shape(self.head)[0])

    def get_config(self) -> dict[str, Any]:
        places = {id(layer): i for i, layer in enumerate(all_layers(self.model))}
        head = id(self.head)
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "head": _attribute_names(self.model).get(head, places[head]),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**deserialize_parts(config, ("model", "dtype")))


def find_layer(model: keras.Model, head: keras.Layer | str | int) -> keras.Layer:
    """The layer that `head` stands for, as in `UpToHead`."""
    layers = all_layers(model, include_self=isinstance(head, int))
    if isinstance(head, int):
        return layers[head]
    if isinstance(head, str):
        with contextlib.suppress(AttributeError):
            value = operator.attrgetter(head)(model)
            if isinstance(value, keras.Layer):
                return value
    matches = [layer for layer in layers if layer is head or layer.name == head]
    if len(matches) != 1:
        raise ValueError(
            "Argument `head` must be a layer of the model, or the name of an attribute "
            f"or of one layer. With a (d, K) kernel there are: {_candidates(model)}. "
            f"Received: head={head!r}, which {len(matches)} layers of "
            f"{type(model).__name__} match"
        )
    return matches[0]


def has_kernel(layer: keras.Layer) -> bool:
    """Whether it has a kernel (d, K)."""
    return len(getattr(getattr(layer, "kernel", None), "shape", ())) == 2


def _attribute_names(model: keras.Model) -> dict[int, str]:
    """The names of the model's attributes, by the identities of their values."""
    return {id(value): name for name, value in attributes(model).items()}


def _candidates(model: keras.Model) -> str:
    known = _attribute_names(model)
    layers = filter(has_kernel, all_layers(model, include_self=False))
    names = [known.get(id(layer), layer.name) for layer in layers]
    return ", ".join(map(repr, names)) or "none"


class _OpenRecords(threading.local):
    """The lists that calls of a layer in this thread are written to, the last first."""

    def __init__(self) -> None:
        self.lists: list[list[tuple[Tensor, Tensor]]] = []


@contextlib.contextmanager
def _recorded_calls(layer: keras.Layer) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """A list that holds `(input, output)` of each call of the layer in this block.

    Replicas of TensorFlow are traced in threads that take turns, so the layer keeps
    the one wrapper around its `call` for good; outside the block it records nothing.
    """
    if not hasattr(layer.call, "open_records"):
        layer.call = _recording(layer.call)
    lists = layer.call.open_records.lists
    lists.append([])
    try:
        yield lists[-1]
    finally:
        lists.pop()


def _recording(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
    open_records = _OpenRecords()

    @functools.wraps(call)
    def recording(inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        outputs = call(inputs, *args, **kwargs)
        if open_records.lists:
            open_records.lists[-1].append((inputs, outputs))
        return outputs

    recording.open_records = open_records  # type: ignore[attr-defined]
    return recording
