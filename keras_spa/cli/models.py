"""Models from files and into files."""

import contextlib
import io
import pathlib
import re
import zipfile
from typing import Any

import keras

import keras_spa as spa
from keras_spa.files import replacing
from keras_spa_cli import is_there

KERAS_NAMES = {"saved_model": "tf_saved_model", "onnx": "onnx", "litert": "litert"}
ONNX = {"tensorflow": ("tf2onnx", "onnx"), "jax": ("jax2onnx", "onnx")}
IN_PYTHON = {"evaluate": "model.evaluate"}  # others are keras_spa's
UNKNOWN = re.compile("Could not locate (class|function) '([^']+)'")


def check_format(format: str | None) -> None:
    """Raises if there is no converter to ONNX, before anything is done."""
    if format != "onnx":
        return
    needed = ONNX.get(keras.backend.backend(), ("onnx",))
    missing = " ".join(name for name in needed if not is_there(name))
    if missing:
        raise ValueError(f"--format=onnx needs more packages: pip install {missing}")


def load(path: pathlib.Path, command: str) -> keras.Model:
    """The Keras model of a .keras file, for a command.

    Raises:
        ValueError: it cannot be loaded; the message says why, in a line.
    """
    if not zipfile.is_zipfile(path):  # of which Keras says that there is none
        raise ValueError(f"MODEL {path} is not a whole .keras file")
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        own = ""
        if unknown := UNKNOWN.search(str(error)):
            own = f"it has the {unknown[1]} {unknown[2]!r} of its own"
        elif "Could not locate" in str(error) or "register" in str(error):
            own = "it has classes or functions of its own"
        elif "safe_mode" in str(error) or "unsafe" in str(error):
            own = "it holds Python code (a Lambda layer), which is not run"
        if own:
            reason = (
                f"{own}. Load it in Python, where its functions are known, and use "
                f"{IN_PYTHON.get(command, f'keras_spa.{command}')}"
            )
        raise ValueError(f"MODEL {path} cannot be loaded by Keras: {reason}") from error


def input_shape(model: keras.Model) -> tuple[Any, ...]:
    """Height, width and channels that a model takes, None where free."""
    shape = getattr(model, "input_shape", None)
    if shape is None:
        shape = (model.get_build_config() or {}).get("input_shape")
    if not isinstance(shape, (tuple, list)) or len(shape) != 4:
        raise ValueError(
            "MODEL must take batches of images of one shape. Received: a model of "
            f"input shape {shape}"
        )
    return tuple(shape[1:])


def export(
    model: keras.Model, path: pathlib.Path, format: str, card: spa.ModelCard
) -> pathlib.Path:
    """Writes a model with its card, whole or not at all; says where.

    Args:
        model: The model.
        path: Where to.
        format: `"keras"`, `"saved_model"`, `"onnx"` or `"litert"`.
        card: What a user of the model must know.
    """
    if isinstance(model, spa.SpAModel):  # whose files hold it by themselves
        model.card = card
    with replacing(path) as temporary:
        if format == "keras":
            model.save(temporary)
        else:
            with contextlib.redirect_stdout(io.StringIO()):  # hundreds of lines
                model.export(str(temporary), format=KERAS_NAMES[format], verbose=False)
        if not isinstance(model, spa.SpAModel):
            card.attach(temporary)
    return path
