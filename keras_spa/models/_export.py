"""Artifacts that serve without keras_spa: images in, logits and probabilities out."""

import contextlib
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from keras_spa._keras_private import all_layers
from keras_spa._types import Shape, Tensor
from keras_spa.files import replacing
from keras_spa.models._surgery.copy import uncompiled_copy

FORMATS = ("tf_saved_model", "onnx", "litert", "openvino", "torch")
ALIASES = {"tflite": "litert"}  # what LiteRT was called
# Other dtypes than that of the model's own input, in which images may come.
OTHER_DTYPE = {"float32": "uint8", "uint8": "float32"}


def export(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: str,
    verbose: bool | None,
    input_signature: list[Any] | None,
    **kwargs: Any,
) -> None:
    """What `SpAModel.export` does."""
    if format not in (*FORMATS, *ALIASES):
        names = ", ".join(map(repr, (*FORMATS, *ALIASES)))
        raise ValueError(
            f"Argument `format` must be one of {names}. Received: format={format!r}"
        )
    format = ALIASES.get(format, format)
    specs = input_signature or [_input_specs(model)]
    final, card = pathlib.Path(filepath), model.card
    if final.is_dir() and any(final.iterdir()) and not _is_saved_model(final):
        raise ValueError(
            "Argument `filepath` must not be a folder of something else than a "
            f"SavedModel. Received: filepath={str(filepath)!r}"
        )
    with replacing(final) as path:
        if format == "tf_saved_model":
            _export_saved_model(model, path, specs, **kwargs)
        else:
            if format in (
                "onnx",
                "litert",
            ):  # whose runtimes want it
                model = _float32_model(model)
            serving = _serving(model, specs[0])
            arguments = format, False, [_specs(serving.input)]
            serving.export(str(path), *arguments, **kwargs)
            if format == "onnx":
                _name_outputs(path)
        inside = format == "tf_saved_model" or path.suffix in (".onnx", ".tflite")
        if card is not None and inside:
            card.attach(path)
    if card is not None and not inside:
        card.attach(final)
    if verbose is None or verbose:  # Keras' own lines name all variables
        print(f"Saved to {final}: {_shapes_text(specs[0])} -> logits, probabilities")


def _shapes_text(specs: Any) -> str:
    """Shapes and dtypes of the inputs."""
    each = (f"{tuple(spec.shape)} {spec.dtype}" for spec in keras.tree.flatten(specs))
    return ", ".join(each)


def _export_saved_model(
    model: keras.Model,
    path: pathlib.Path,
    specs: list[Any],
    **kwargs: Any,
) -> None:
    if keras.backend.backend() == "torch":
        raise ValueError(
            "Argument `format` must not be 'tf_saved_model' on PyTorch, where Keras "
            "gives it one batch size only. Use format='onnx', or save a .keras file, "
            "load it with KERAS_BACKEND=tensorflow and export it there. "
            "Received: format='tf_saved_model'"
        )
    servings = {"serve": _serving(model, specs[0])}
    for dtype in _other_dtypes(specs[0]):
        servings[f"serve_{dtype}"] = _serving(model, specs[0], dtype)
    archive = keras.export.ExportArchive()
    for part in (model.backbone, model.classifier):  # no parts of training
        archive.track(part)
    for name, serving in servings.items():
        archive.add_endpoint(name, serving.__call__, [_specs(serving.input)], **kwargs)
    with _quiet_tensorflow():
        archive.write_out(path, verbose=False)


def _input_specs(model: keras.Model) -> Any:
    """`keras.InputSpec`s of the backbone's inputs, in their structure."""
    backbone = model.backbone
    if isinstance(backbone, keras.Sequential) and backbone.built:
        return _specs(backbone.inputs[0])
    if getattr(backbone, "inputs", None):
        return _specs(backbone.input)
    if not model.built:
        raise ValueError(
            "A model must be built before it is exported: call it on a batch or `fit` "
            f"it. Received: {model.name!r}"
        )
    built_for = model.get_build_config()["input_shape"]
    if isinstance(built_for, dict):
        built_for = dict(built_for)  # Keras' own kind of dict, JAX does not know
    several = isinstance(built_for, dict) or isinstance(built_for[-1], (tuple, list))

    def spec(shape: Shape) -> keras.InputSpec:
        name = None if several else "inputs"
        shape = (None, *shape[1:])
        return keras.InputSpec(shape=shape, dtype=model.input_dtype, name=name)

    return keras.tree.map_shape_structure(spec, built_for)


def _specs(tensors: Any) -> Any:
    def spec(tensor: Tensor, name: str) -> keras.InputSpec:
        return keras.InputSpec(
            shape=(None, *tensor.shape[1:]), dtype=tensor.dtype, name=name
        )

    if not keras.tree.is_nested(tensors):
        return spec(tensors, "inputs")
    return keras.tree.map_structure(lambda t: spec(t, t.name), tensors)


def _other_dtypes(spec: Any) -> list[str]:
    is_images = isinstance(spec, keras.InputSpec) and len(spec.shape) == 4
    other = OTHER_DTYPE.get(spec.dtype) if is_images else None
    return [other] if other else []


def _serving(model: keras.Model, specs: Any, dtype: str | None = None) -> keras.Model:
    """A Functional model from images, if need be of another dtype, to both outputs."""
    inputs = keras.tree.map_structure(
        lambda spec: keras.Input(
            spec.shape[1:], dtype=dtype or spec.dtype, name=spec.name
        ),
        specs,
    )
    x = inputs
    if dtype == "float32":  # the model takes uint8; Keras would cut decimals off
        x = ops.cast(ops.clip(ops.round(x), 0, 255), "uint8")
    elif dtype:
        x = ops.cast(x, specs.dtype)
    logits = ops.cast(model(x, training=False), "float32")
    outputs = {"logits": logits, "probabilities": ops.softmax(logits)}
    return keras.Model(inputs, outputs, name=f"{model.name}_serving")


def _float32_model(model: keras.Model) -> keras.Model:
    """The model, or a copy of it with all layers computing in float32."""
    policies = {layer.compute_dtype for layer in all_layers(model)}
    return model if policies == {"float32"} else uncompiled_copy(model, in_float32=True)


def _name_outputs(path: pathlib.Path) -> None:
    """Gives an ONNX file's outputs their names, which only TensorFlow hands on."""
    import onnx

    graph = (file := onnx.load(path)).graph
    names = {
        output.name: name
        for output, name in zip(graph.output, ("logits", "probabilities"), strict=True)
    }
    for node in graph.node:
        for ends in (node.input, node.output):
            ends[:] = [names.get(end, end) for end in ends]
    for output in graph.output:
        output.name = names[output.name]
    onnx.save(file, path)


@contextlib.contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Within it TensorFlow logs no more than warnings: the folder is temporary."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        logger.setLevel(before)


def _is_saved_model(path: pathlib.Path) -> bool:
    return (path / "saved_model.pb").is_file()
