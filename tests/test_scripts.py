"""Every script tells what it takes, and what it does not, before Keras is imported."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("recipes", "benchmarks")
    for path in (ROOT / folder).glob("*.py")
    if "__main__" in path.read_text()
)
WITHOUT_KERAS = """
import pathlib, runpy, sys
sys.modules["keras"] = None  # importing it raises ImportError
sys.argv = sys.argv[1:]
sys.path[:0] = [str(pathlib.Path(sys.argv[0]).parent), {root!r}]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
pytestmark = [pytest.mark.process, pytest.mark.once]


def start(script, *arguments):
    code = WITHOUT_KERAS.format(root=str(ROOT))
    command = [sys.executable, "-c", code, str(ROOT / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_comes_without_keras(script):
    done = start(script, "--help")
    assert "Traceback" not in done.stderr
    doc = (ROOT / script).read_text().split('"""')[1].splitlines()[0]
    assert doc in done.stdout
    if script.startswith("benchmarks/"):
        assert "--[no]quick" in done.stdout


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_mistyped_flag_is_refused_without_keras(script):
    more = {"recipes/choose.py": ["digits_lt"], "recipes/grid.py": ["digits_lt"]}
    done = start(script, *more.get(script, []), "--mistyped=3")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "mistyped" in done.stdout + done.stderr
