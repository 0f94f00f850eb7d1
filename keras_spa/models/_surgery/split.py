"""Splitting a Keras model before its classifier, without copying anything."""

from typing import Any

import keras

from keras_spa import _checks
from keras_spa._keras_private import all_layers, own_variables, producer
from keras_spa._types import Tensor
from keras_spa.models._surgery.logits import ends_in_softmax, is_linear, logits_layer
from keras_spa.models._surgery.up_to_head import UpToHead, find_layer, has_kernel

ADVICE = "Or pass the two parts yourself: SpAModel(backbone, classifier)."


def split(
    model: keras.Model, head: keras.Layer | str | None = None
) -> tuple[keras.Layer, keras.Layer]:
    """`(backbone, classifier)`: the classifier's kernel (d, K), its output logits.

    A softmax and layers that change nothing but the dtype may follow the head. It is
    the last layer before them, unless the model is a subclassed one: then `head` says.
    """
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Argument `model` must be a keras.Model. Received: model={model!r}"
        )
    if head is not None:
        head = find_layer(model, head)
    backbone, head = _parts(model, head)
    _check_head(head, backbone)
    dtype = model.outputs[0].dtype if is_graph(model) else None
    return backbone, logits_layer(head, dtype)


def gives_probabilities(model: keras.Model) -> bool:
    """Whether the graph of a model's layers ends in a softmax."""
    if not is_graph(model):
        return False
    node, softmaxes = _head_node(model.outputs[0])
    last = node.operation
    if isinstance(last, keras.Model):
        return bool(softmaxes) or gives_probabilities(last)
    return bool(softmaxes) or ends_in_softmax(last)


def is_graph(model: keras.Model) -> bool:
    """Whether what a model computes is the graph of its layers."""
    keras_calls = type(model).call.__module__.startswith("keras.")
    return keras_calls and bool(getattr(model, "outputs", None))


def _parts(model: keras.Model, head: Any) -> tuple[keras.Layer, keras.Layer]:
    """The model up to its head, and the head."""
    if not is_graph(model):
        return _subclassed_parts(model, head)
    if len(model.outputs) != 1:
        raise ValueError(
            "Argument `model` must have one output. Choose one: keras.Model("
            f"model.input, model.outputs[0]). {ADVICE} Received: "
            f"{len(model.outputs)} outputs"
        )
    node, softmaxes = _head_node(model.outputs[0])
    last = node.operation
    inputs = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    if last is not head and isinstance(last, keras.Model):
        if not is_graph(last):
            raise ValueError(
                "Argument `model` must not end in a subclassed model as a layer. Split "
                "that one, SpAModel.from_model(inner, head=...), and do in its `call` "
                f"what comes before it. Received: {type(last).__name__} {last.name!r} "
                f"as the last layer of {model.name!r}"
            )
        inner, last = _parts(last, head)
        features = inner(*node.arguments.args, **node.arguments.kwargs)
    elif head is not None and head is not last:
        raise ValueError(
            "Argument `head` must be the layer that gives the logits; only a softmax "
            f"may follow it. Received: head {head.name!r}, but the model ends in the "
            f"{type(last).__name__} {last.name!r}"
        )
    elif not has_kernel(last):
        raise ValueError(
            "Argument `model` must end in a keras.layers.Dense, or another layer with "
            "a (d, K) kernel, that gives the logits; only a softmax may follow it. "
            f"{_replacement(node)} Received: a model that ends in the "
            f"{type(last).__name__} {last.name!r}"
        )
    elif len(node.input_tensors) > 1:
        raise ValueError(
            "Argument `model` must call its head with features alone. Pass the model "
            "without labels, keras.Model(image, head(features)). Received: a model "
            f"that calls {last.name!r} with {len(node.input_tensors)} tensors"
        )
    else:
        (features,) = node.input_tensors
    if softmaxes + ends_in_softmax(last) > 1:
        raise ValueError(
            "Argument `model` must apply one softmax to its logits. Received: two or "
            f"more after {last.name!r}"
        )
    if len(features.shape) != 2 or features.shape[1] is None:
        raise ValueError(
            "Argument `model` must give its head features of shape (B, d) with a known "
            "d; pool or flatten them before it, e.g. by "
            "keras.layers.GlobalAveragePooling2D(). Received: features of shape "
            f"{features.shape} before {last.name!r}"
        )
    return keras.Model(inputs, features, name=f"{model.name}_backbone"), last


def _subclassed_parts(model: keras.Model, head: Any) -> tuple[keras.Layer, keras.Layer]:
    kind = f"Received: {_checks.named(model)}"
    if isinstance(model, keras.Sequential) or not model.built:
        raise ValueError(
            "Argument `model` must be a built model: give a Sequential a keras.Input "
            f"first, call a subclassed model once on data. {kind}"
        )
    if head is None:
        raise ValueError(
            "Argument `head` must name the classifier of a subclassed model (the "
            "attribute or the layer): a layer with a (d, K) kernel that gives the "
            f"logits. {ADVICE} {kind}"
        )
    return UpToHead(model, head, name=f"{model.name}_backbone"), head


def _head_node(output: Tensor) -> tuple[Any, int]:
    """The call that gave the logits, and how many softmaxes come after it."""
    softmaxes = 0
    while True:
        node = producer(output)
        effect = _effect_on_logits(node.operation)
        if effect is None:
            return node, softmaxes
        softmaxes += effect == "softmax"
        output = node.input_tensors[0]


def _effect_on_logits(operation: Any) -> str | None:
    """`"softmax"`, `"cast"` (of the dtype, at most) or None: another one."""
    activation = getattr(operation, "activation", None)
    softmax = type(operation).__name__ == "Softmax" and operation.axis in (-1, 1)
    if isinstance(operation, keras.layers.Activation):
        softmax = activation is keras.activations.softmax
        if activation is keras.activations.linear:
            return "cast"
    if isinstance(operation, keras.layers.Identity) or (
        type(operation).__name__ == "Cast"
    ):
        return "cast"
    return "softmax" if softmax else None


def _check_head(head: keras.Layer, backbone: keras.Layer) -> None:
    activation = getattr(head, "activation", None)
    plain = is_linear(activation)
    received = f"Received: {type(head).__name__} {head.name!r}"
    if not has_kernel(head):
        raise ValueError(
            "Argument `head` must be a built layer with a (d, K) kernel, such as "
            f"keras.layers.Dense(K). {received}"
        )
    softmax_of_dense = ends_in_softmax(head) and (
        getattr(type(head), "call", None) is keras.layers.Dense.call
    )
    if not plain and not softmax_of_dense:
        name = getattr(activation, "__name__", activation)
        raise ValueError(
            "Argument `model` must end in a head that gives logits: one without an "
            "activation, or a keras.layers.Dense with a softmax (for two classes too: "
            f"Dense(2), not one unit with a sigmoid). {received} with activation "
            f"{name}"
        )
    unseen = ends_in_softmax(head) or isinstance(backbone, UpToHead)
    if unseen and head.activity_regularizer is not None:
        raise ValueError(
            "Argument `model` must have a head without an `activity_regularizer`, if "
            f"it ends in a softmax or is a subclassed model. {received}"
        )
    others = (
        layer
        for layer in all_layers(backbone)
        if not (isinstance(backbone, UpToHead) and layer is head)
    )
    if any(
        variable is head.kernel for layer in others for variable in own_variables(layer)
    ):
        raise ValueError(
            "Argument `model` must use the kernel of its head once: aligned with the "
            "class means, it would change the features too. Give the head a kernel of "
            f"its own. {received}, whose kernel the backbone uses as well"
        )


def _replacement(node: Any) -> str:
    """What to do about a 1×1 convolution, the head of some MobileNets."""
    while node.input_tensors and isinstance(
        node.operation,
        (keras.layers.Reshape, keras.layers.Flatten, keras.layers.Activation),
    ):
        node = producer(node.input_tensors[0])
    if not isinstance(node.operation, keras.layers.Conv2D):
        return ADVICE
    name = node.operation.name
    return (
        f"Replace the convolution {name!r} by a Dense with `kernel[0, 0]` as its "
        f"kernel: features = keras.layers.Flatten()(model.get_layer({name!r}).input); "
        "SpAModel(keras.Model(model.input, features), keras.layers.Dense(K))."
    )
