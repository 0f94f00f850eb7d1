"""Trained models as files: loaded alone, and asked for logits and probabilities.

A SavedModel needs TensorFlow only, an ONNX file onnxruntime, a LiteRT file TensorFlow's
interpreter. A .keras file is loaded by Keras in safe mode, with keras_spa's classes.
"""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

Outputs = dict[str, Any]


@dataclasses.dataclass
class Artifact:
    """A function of a batch of images, and the shape that it wants, None where free."""

    answer: Callable[[np.ndarray], Outputs]  # logits or probabilities, by name
    input_shape: tuple[int | None, ...]
    loaded: Any = None  # what `answer` needs to be kept alive

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits and probabilities, float32 arrays (B, K)."""
        outputs = {k: np.asarray(v, "float32") for k, v in self.answer(images).items()}
        if not {"logits", "probabilities"} <= outputs.keys():
            outputs = _both_outputs(outputs)
        return outputs["logits"], outputs["probabilities"]


def load(path: str | pathlib.Path) -> Artifact:
    """The artifact at `path`, by its ending; a folder is a SavedModel."""
    path = pathlib.Path(path)
    if path.suffix in LOADERS and path.is_file():
        return LOADERS[path.suffix](path)
    if (path / "saved_model.pb").is_file():
        return _load_saved_model(path)
    what = "holds no saved_model.pb" if path.is_dir() else "is no such file or folder"
    raise ValueError(
        f"{path} {what}: expected the folder of a SavedModel, or a file that ends in "
        f"{', '.join(LOADERS)}"
    )


def _load_saved_model(path: pathlib.Path) -> Artifact:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    by_dtype, default = {}, loaded.signatures["serving_default"]
    for signature in (*loaded.signatures.values(), default):
        inputs = signature.structured_input_signature[1]
        if len(inputs) == 1:
            ((name, spec),) = inputs.items()
            by_dtype[spec.dtype.as_numpy_dtype] = signature, name, spec
    if not by_dtype:
        raise ValueError(f"{path} takes several inputs: expected one")

    def answer(images: np.ndarray) -> Outputs:
        fitting = by_dtype.get(images.dtype.type) or next(iter(by_dtype.values()))
        signature, name, spec = fitting
        outputs = signature(**{name: tf.constant(images.astype(spec.dtype.name))})
        return {key: value.numpy() for key, value in outputs.items()}

    # Its functions do not hold their variables.
    return Artifact(answer, tuple(spec.shape[1:]), loaded)


def load_model(path: pathlib.Path) -> Any:
    """The Keras model of a .keras file; ValueError if it cannot be loaded."""
    import keras

    import keras_spa  # noqa: F401 (registers its classes)

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        lines = [line for line in str(error).splitlines() if line.strip()]
        reason = lines[0] if lines else repr(error)
        raise ValueError(f"{path} cannot be loaded by Keras: {reason}") from error


def _load_keras(path: pathlib.Path) -> Artifact:
    model = load_model(path)

    def answer(images: np.ndarray) -> Outputs:
        return {"output": model.predict_on_batch(images)}

    shape = (
        getattr(model, "input_shape", None) or model.get_build_config()["input_shape"]
    )
    return Artifact(answer, tuple(shape[1:]))


def _load_onnx(path: pathlib.Path) -> Artifact:
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    (inputs,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    dtype = {"tensor(uint8)": "uint8"}.get(inputs.type, "float32")

    def answer(images: np.ndarray) -> Outputs:
        values = session.run(names, {inputs.name: images.astype(dtype)})
        return dict(zip(names, values, strict=True))

    shape = (size if isinstance(size, int) else None for size in inputs.shape[1:])
    return Artifact(answer, tuple(shape))


def _load_litert(path: pathlib.Path) -> Artifact:
    import tensorflow as tf

    with warnings.catch_warnings():  # of its move to another package
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(str(path))
    run = interpreter.get_signature_runner()
    ((name, about),) = run.get_input_details().items()

    def answer(images: np.ndarray) -> Outputs:
        return run(**{name: images.astype(about["dtype"])})

    return Artifact(answer, tuple(about["shape_signature"][1:].tolist()))


def _both_outputs(outputs: Outputs) -> Outputs:
    """Both outputs from the one that Keras' own exports have."""
    if len(outputs) != 1:
        raise ValueError(
            "A model must give one output, or those named logits and probabilities; "
            f"this one gives {', '.join(outputs)}"
        )
    (values,) = outputs.values()
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-2):
        smallest = np.finfo("float32").tiny
        return {
            "logits": np.log(np.maximum(values, smallest)),
            "probabilities": values,
        }
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return {
        "logits": values,
        "probabilities": powers / powers.sum(axis=1, keepdims=True),
    }


LOADERS = {".keras": _load_keras, ".onnx": _load_onnx, ".tflite": _load_litert}
