"""Commands and recipes import Keras in an environment that trains fast."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
STARTS = {
    "command": "from keras_spa_cli import start; start(['describe', '.'])",
    "recipe": "import engine",
}


@pytest.mark.parametrize("code", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("wanted", [None, "0"])
def test_tensorflow_takes_onednn_unless_the_user_does_not(tmp_path, code, wanted):
    environment = {k: v for k, v in os.environ.items() if k != ONEDNN}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "recipes")])
    if wanted is not None:
        environment[ONEDNN] = wanted
    done = subprocess.run(
        [sys.executable, "-c", f"import os; {code}; print(os.environ['{ONEDNN}'])"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{wanted or 1}\n", done.stderr
