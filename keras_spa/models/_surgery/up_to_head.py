"""The backbone of a subclassed model: what the model gives its head."""

import contextlib
import functools
import operator
import threading

import keras

from keras_spa.models._config import with_parts


@keras.saving.register_keras_serializable(package="keras_spa")
class UpToHead(keras.Layer):
    """Features (B, d): the input of `head` as `model` calls it.

    One forward pass of the whole model; what it makes of the head's output is left
    unused. `head` is one of its layers, the (dotted) name of an attribute, the name of
    a layer, or the place among `model`'s layers.
    """

    def __init__(self, model, head, **kwargs):
        kwargs.setdefault("dtype", model.dtype_policy)
        super().__init__(autocast=model.autocast, **kwargs)
        self.model = model
        self.head = find_layer(model, head)

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)

    def call(self, inputs, training=None):
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
        shapes = [getattr(tensor, "shape", None) for tensor in (logits, outputs)]
        if shapes[1] is None or tuple(shapes[0]) != tuple(shapes[1]):
            raise ValueError(
                "Argument `head` must give the model's output, the logits (at most a "
                f"softmax may follow). Received: head {self.head.name!r} with output "
                f"shape {tuple(shapes[0])}, model {type(self.model).__name__} with "
                f"output {shapes[1] or outputs}"
            )
        return features

    def compute_output_shape(self, input_shape):
        batch = keras.tree.flatten(input_shape)[0]
        return (batch, self.head.kernel.shape[0])

    def get_config(self):
        places = {id(layer): i for i, layer in enumerate(self.model._flatten_layers())}
        head = id(self.head)
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "head": _attributes(self.model).get(head, places[head]),
        }

    @classmethod
    def from_config(cls, config):
        return cls(**with_parts(config, ("model", "dtype")))


def find_layer(model, head):
    """The layer that `head` stands for, as in `UpToHead`."""
    layers = model._flatten_layers(include_self=isinstance(head, int))
    if isinstance(head, int):
        return layers[head]
    if isinstance(head, str):
        with contextlib.suppress(AttributeError):
            value = operator.attrgetter(head)(model)
            if isinstance(value, keras.Layer):
                return value
    found = [layer for layer in layers if layer is head or layer.name == head]
    if len(found) != 1:
        raise ValueError(
            "Argument `head` must be a layer of the model, or the name of an attribute "
            f"or of one layer. With a (d, K) kernel there are: {_candidates(model)}. "
            f"Received: head={head!r}, which {len(found)} layers of "
            f"{type(model).__name__} match"
        )
    return found[0]


def has_kernel(layer):
    """Whether it has a kernel (d, K)."""
    return len(getattr(getattr(layer, "kernel", None), "shape", ())) == 2


def _attributes(model):
    """The names of the model's attributes, by the identities of their values."""
    values = {**vars(model), **vars(model).get("_modules", {})}  # PyTorch's place
    return {id(value): name for name, value in values.items()}


def _candidates(model):
    attributes = _attributes(model)
    layers = filter(has_kernel, model._flatten_layers(include_self=False))
    names = [attributes.get(id(layer), layer.name) for layer in layers]
    return ", ".join(map(repr, names)) or "none"


class _OpenRecords(threading.local):
    """The lists that calls of a layer in this thread are written to, the last first."""

    def __init__(self):
        self.lists = []


@contextlib.contextmanager
def _recorded_calls(layer):
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


def _recording(call):
    open_records = _OpenRecords()

    @functools.wraps(call)
    def recording(inputs, *args, **kwargs):
        outputs = call(inputs, *args, **kwargs)
        if open_records.lists:
            open_records.lists[-1].append((inputs, outputs))
        return outputs

    recording.open_records = open_records
    return recording
