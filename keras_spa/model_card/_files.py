"""Where the files of models keep a card, as JSON text."""

import contextlib
import io
import json
import pathlib
import warnings
import zipfile
from typing import Any

from keras_spa.files import write_atomically

NAME = "model_card"
MEMBER = f"{NAME}.json"
EXTRA = "assets.extra"  # TensorFlow's place in a SavedModel for what no graph loads


def read(path: pathlib.Path) -> str | bytes | None:
    """The card in a model's file or folder, or beside it; None if there is none."""
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {str(path)!r}")
    text = _read_inside(path)
    if text is not None or not (other := beside(path)).is_file():
        return text
    about = other.read_bytes()
    with contextlib.suppress(ValueError):  # of no JSON: the card says so
        found = json.loads(about)
        if "class_names" not in found or "accuracy_per_class" in found:
            return None  # something else of that name, such as a result
    return about


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    """Puts a card into a model's file or folder, or beside it; says where it is."""
    if not path.exists():
        raise FileNotFoundError(f"There is no model at {str(path)!r}")
    if is_saved_model(path):
        write_atomically(path / EXTRA / MEMBER, text)
        return path / EXTRA / MEMBER
    if path.is_file() and path.suffix == ".onnx":
        model = _onnx(path)
        properties = {prop.key: prop.value for prop in model.metadata_props}
        del model.metadata_props[:]
        for key, value in {**properties, NAME: text}.items():
            model.metadata_props.add(key=key, value=value)
        write_atomically(path, model.SerializeToString())
        return path
    if path.is_file() and path.suffix in (".keras", ".tflite"):
        if path.suffix == ".keras" and _is_spa_model(_keras_config(path)):
            raise ValueError(
                "Argument `path` must not be the .keras file of a SpAModel, which has "
                "a card of its own: load it, set `model.card = card` and save it. "
                f"Received: path={str(path)!r}"
            )
        whole = io.BytesIO(path.read_bytes())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a card before: the last one counts
            with zipfile.ZipFile(whole, "a") as archive:
                archive.writestr(MEMBER, text)
        write_atomically(path, whole.getvalue())
        return path
    write_atomically(beside(path), text)
    return beside(path)


def beside(path: pathlib.Path) -> pathlib.Path:
    """The file beside a model that speaks of it."""
    return path.with_name(f"{path.name}.json")


def is_saved_model(path: pathlib.Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _read_inside(path: pathlib.Path) -> str | bytes | None:
    if is_saved_model(path):
        card = path / EXTRA / MEMBER
        return card.read_bytes() if card.is_file() else None
    if path.is_file() and path.suffix == ".onnx":
        properties = {prop.key: prop.value for prop in _onnx(path).metadata_props}
        return properties.get(NAME)
    if path.is_file() and path.suffix in (".keras", ".tflite"):
        return _read_zip(path)
    return None


def _read_zip(path: pathlib.Path) -> str | bytes | None:
    """From the archive that a .keras file is, or that a .tflite file ends in."""
    config = _keras_config(path) if path.suffix == ".keras" else {}
    own = config.get("card")  # that of a SpAModel, as loading the model gives it
    if own is not None and _is_spa_model(config):
        return json.dumps(own)
    nothing = (zipfile.BadZipFile, KeyError, ValueError, EOFError)  # is attached
    with contextlib.suppress(*nothing), zipfile.ZipFile(path) as archive:
        return archive.read(MEMBER)
    return None if own is None else json.dumps(own)


def _keras_config(path: pathlib.Path) -> dict[str, Any]:
    """The configuration of the model in a .keras file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json")).get("config") or {}
    except (
        zipfile.BadZipFile,
        KeyError,
        ValueError,
        EOFError,
        AttributeError,
    ) as error:
        raise ValueError(f"{str(path)!r} is not a whole .keras file") from error


def _is_spa_model(config: dict[str, Any]) -> bool:
    return {"backbone", "classifier", "alignment", "momentum"} <= {*config}


def _onnx(path: pathlib.Path) -> Any:
    """The model of an ONNX file, without weights that lie elsewhere."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "The metadata of an ONNX file are read with onnx: pip install onnx"
        ) from error
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ValueError(f"{str(path)!r} is not a whole .onnx file") from error
