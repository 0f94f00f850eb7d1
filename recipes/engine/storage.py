"""Result files: where they come from, and how they get to the disk."""

import functools
import json
import os
import pathlib
import platform
import re
import subprocess
import sys
from typing import Any

from engine.config import RunConfig

# What tables and pictures need of a run's result file.
NEEDED = (
    *("dataset", "method", "alignment", "seed", "flags", "class_counts"),
    *("accuracy", "train_accuracy", "cosine", "cosine_per_class"),
)


def environment() -> dict[str, Any]:
    """Versions, commit and hardware that a result is measured with.

    The commit is that at the first call of the process, and so of the code that runs
    if that call is early: who measures for hours asks before.
    """
    import keras
    import numpy as np

    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": backend,
        backend: sys.modules[backend].__version__,
        "numpy": np.__version__,
        "commit": commit(),
        "hardware": f"{_processor()}, {os.cpu_count()} cores",
    }


@functools.cache
def commit() -> str | None:
    """The code's commit when the process first asked; None where git is not there."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        here = pathlib.Path(__file__).parent
        run = subprocess.run(command, cwd=here, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return run.stdout.strip() or None


def _processor() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    of_one = dict(re.findall(r"^([^\t:]+)\s*: (.*)$", text, re.M))
    name = of_one.get("model name", platform.machine())
    # Processors of one name differ in this, and it changes the order of sums.
    return f"{name} (AVX-512)" if "avx512f" in of_one.get("flags", "") else name


def result_path(output: pathlib.Path, config: RunConfig) -> pathlib.Path:
    """The result file of a run in the folder of its job."""
    return output / "runs" / f"{config.name}.json"


def read_result(path: pathlib.Path) -> dict[str, Any]:
    """The result of a run.

    Raises:
        ValueError: the file is damaged, or something else; the message names it.
    """
    result = read_object(path)
    missing = [name for name in NEEDED if name not in result]
    if missing or not isinstance(result["flags"], dict):
        what = f"lacks {missing[0]}" if missing else "has flags that are none"
        raise ValueError(f"{path} is no result of a run: it {what}")
    return result


def read_object(path: pathlib.Path) -> dict[str, Any]:
    """The JSON object of a file; ValueError if it holds none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. Delete it or put it back") from (
            error
        )
    if not isinstance(value, dict):
        raise ValueError(f"{path} is damaged: it holds no JSON object")
    return value


def write_result(path: pathlib.Path, result: Any) -> None:
    """Writes JSON, whole or not at all."""
    from keras_spa.files import write_atomically  # with Keras, which takes seconds

    write_atomically(path, json.dumps(result, indent=1, allow_nan=False) + "\n")
