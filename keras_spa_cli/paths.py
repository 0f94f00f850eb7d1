"""Whether what the command line names is there."""

import argparse
import json
import os
import pathlib

TABLES = {".npz": "npz", ".csv": "csv"}
PICTURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<svg"}  # and what tells them
REPLACED = {"picture": "a picture of that ending", "json": "what it wrote before"}
ENDINGS = {"keras": ".keras", "saved_model": "", "onnx": ".onnx", "litert": ".tflite"}


def check(parsed: argparse.Namespace) -> None:
    """Raises if a path cannot be used; completes `parsed`."""
    parsed.data = pathlib.Path(parsed.data).expanduser()
    parsed.kind = _kind(parsed.data)
    if "model" in parsed:
        parsed.model = pathlib.Path(parsed.model).expanduser()
        _check_model(parsed.model)
    if parsed.command == "align":
        _check_output(parsed)
    if parsed.command == "train":
        _check_training(parsed)
    for flag, endings in (("picture", (*PICTURES,)), ("json", (".json",))):
        if value := getattr(parsed, flag, None):
            setattr(parsed, flag, _writable(flag, value, endings))


def one_line(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, OSError) and error.strerror:
        name = error.filename
        where = "" if name is None else f"{os.fsdecode(name)}: "
        return f"{where}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _kind(path: pathlib.Path) -> str:
    if not path.exists():
        raise ValueError(f"DATA: there is no {path}")
    kind = "folder" if path.is_dir() else TABLES.get(path.suffix.lower())
    if kind is None:
        raise ValueError(
            f"DATA must be a folder, an .npz archive or a .csv table, not {path}"
        )
    if not os.access(path, os.R_OK | (os.X_OK if kind == "folder" else 0)):
        raise PermissionError(13, "Permission denied", path)
    return kind


def _check_model(path: pathlib.Path) -> None:
    if not path.exists():
        raise ValueError(f"MODEL: there is no {path}")
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(f"MODEL must be a .keras file, not {path}")


def _check_output(parsed: argparse.Namespace) -> None:
    ending = ENDINGS[parsed.format]
    path = pathlib.Path(parsed.output or f"{parsed.model.stem}-aligned{ending}")
    path = path.expanduser()
    if ending and path.suffix != ending:
        raise ValueError(f"--output must end in {ending}, not {path}")
    _check_parent("output", path)
    if path.exists():
        _check_overwrite(path, parsed.overwrite, "file" if ending else "folder")
    parsed.output = path


def _check_overwrite(path: pathlib.Path, overwrite: bool, kind: str) -> None:
    if not overwrite:
        raise ValueError(f"{path} is there already; --overwrite replaces it")
    if path.is_dir() != (kind == "folder"):
        raise ValueError(f"--output must be a {kind} in this --format, not {path}")
    if kind == "file" or (path / "saved_model.pb").is_file() or not any(path.iterdir()):
        return
    raise ValueError(
        f"--overwrite replaces a SavedModel or an empty folder, and {path} is neither"
    )


def _check_training(parsed: argparse.Namespace) -> None:
    parsed.output = pathlib.Path(parsed.output).expanduser()
    if parsed.output.exists() and not parsed.output.is_dir():
        raise ValueError(f"--output must be a folder, not {parsed.output}")
    if parsed.kind == "folder" and _is_amid_classes(parsed.output, parsed.data):
        raise ValueError(
            f"--output must lie outside of DATA, where {parsed.output} would be taken "
            "for a class the next time"
        )
    if parsed.weights not in ("none", "imagenet"):
        file = pathlib.Path(parsed.weights).expanduser()
        if not file.is_file():
            raise ValueError(f"--weights must be imagenet or a file, not {file}")
        parsed.weights = str(file)
    if parsed.weights != "none" and (parsed.backbone or "").startswith("hub:"):
        raise ValueError("--weights must be none with hub:PRESET, which has its own")


def _is_amid_classes(path: pathlib.Path, data: pathlib.Path) -> bool:
    """Whether it is below a folder that has the classes straight away."""
    inside = data.resolve() in path.resolve().parents
    return inside and all(one.name.lower() != "train" for one in data.iterdir())


def _writable(flag: str, value: str, endings: tuple[str, ...]) -> pathlib.Path:
    path = pathlib.Path(value).expanduser()
    if path.suffix.lower() not in endings:
        raise ValueError(f"--{flag} must end in {' or '.join(endings)}, not {path}")
    _check_parent(flag, path)
    if path.exists() and not _is_ours(flag, path):
        raise ValueError(
            f"--{flag} replaces only {REPLACED[flag]} or an empty file: {path} is "
            "something else; delete it or name another"
        )
    return path


def _check_parent(flag: str, path: pathlib.Path) -> None:
    """Raises if nothing can be written there, which takes long to find out."""
    parent = path.resolve().parent
    if not parent.is_dir():
        raise ValueError(f"--{flag}: there is no folder {parent}")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(f"--{flag}: no permission to write into the folder {parent}")


def _is_ours(flag: str, path: pathlib.Path) -> bool:
    """Whether a file is empty or may be what the same flag wrote before."""
    if not path.is_file():
        return False
    if path.stat().st_size == 0:
        return True
    if flag == "picture":
        with open(path, "rb") as file:
            return PICTURES[path.suffix.lower()] in file.read(4096)
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "accuracy_per_class" in found
