"""The commands that docs/ prints run, with --smoke."""

import pathlib
import re
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
COMMANDS = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize("page", ["recipes.md", "toolbox.md"])
def test_commands_run_with_smoke(page, tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    blocks = COMMANDS.findall((ROOT / "docs" / page).read_text())
    commands = "".join(blocks).splitlines()
    assert commands
    for command in commands:
        script, *arguments = command.removeprefix("python ").split()
        evaluates = script.endswith("evaluate.py")
        if evaluates and keras.backend.backend() == "torch":
            arguments[0] += ".keras"  # Keras writes no SavedModel there
        command = [sys.executable, script, *arguments]
        command += [] if evaluates else ["--smoke"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert ("| images" if evaluates else "| method") in done.stdout
