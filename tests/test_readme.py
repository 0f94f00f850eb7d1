import json
import os
import pathlib
import re
import subprocess
import sys

import keras

from reporting import summary

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_block_is_the_two_commands():
    install_and_run, install_and_test = blocks("bash")[0].splitlines()
    assert install_and_run == "pip install . && python recipes/digits_lt.py"
    assert install_and_test == 'pip install ".[test]" && pytest'


def test_the_code_runs_as_printed(tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")  # it reads the digits there
    for code in blocks("python"):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        if "diagnose(" in code:
            assert re.search(r"isaligned.*: mean cosine 0\.\d\d", done.stdout)
        elif "fit(" in code:
            assert "alignment" in done.stdout
    assert (tmp_path / "aligned.keras").exists()
    assert (tmp_path / "report.png").exists()


def test_the_commands_run_with_smoke(tmp_path):
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    commands = "".join(blocks("bash")[1:]).splitlines()
    assert len(commands) == 3
    for command in commands:
        script, *arguments = command.removeprefix("python ").split()
        if "evaluate" in script and keras.backend.backend() == "torch":
            arguments[0] += ".keras"  # Keras writes no SavedModel there
        command = [sys.executable, script, *arguments]
        command += [] if "evaluate" in script else ["--smoke"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert ("| images" if "evaluate" in script else "| method") in done.stdout


def test_the_table_is_that_of_the_result_files():
    pattern = r"<!-- table: (\S+) -->\n(.*?)<!-- end of table -->"
    tables = re.findall(pattern, README, re.DOTALL)
    assert tables
    for folder, printed in tables:
        assert printed == summary.table(summary.load(ROOT / folder / "runs"))


def test_the_first_screen_shows_it_all():
    screen = "\n".join(README.splitlines()[:40])
    assert screen.startswith("# keras_spa")
    assert "```bash" in screen
    assert "```python" in screen
    picture = re.search(r"!\[.*?\]\((\S+)\)", screen).group(1)
    assert (ROOT / picture).exists()
    assert "| cross-entropy" in screen


def test_linked_files_exist():
    for path in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
        assert os.path.relpath(path).startswith("..") is False


def test_result_files_are_of_one_configuration_each():
    for path in (ROOT / "recipes" / "results").glob("*/runs/*.json"):
        result = json.loads(path.read_text())
        factor = f"if{result['flags']['imbalance_factor']:g}"
        name = f"{result['method']}-{result['alignment']}-{factor}-seed{result['seed']}"
        assert path.stem == name
