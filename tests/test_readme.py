"""README.md: its code and commands run as printed, whatever they are."""

import pathlib
import re
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SCRIPT = re.compile(r"python (recipes|benchmarks)/(\w+)\.py\b(.*)")
SMOKE = ("digits_lt", "cifar10_lt", "cifar100_lt", "imagenet_lt")  # which know --smoke


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "recipes").symlink_to(ROOT / "recipes")  # of the commands
    return folder


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.process
def test_the_code_runs_as_printed_without_the_repository(tmp_path):
    assert blocks("python")
    for code in blocks("python"):
        printed = run([sys.executable, "-c", code], tmp_path)
        for name in re.findall(r'\.(?:save|plot)\("(.+?)"\)', code):
            assert (tmp_path / name).exists(), name
        assert printed or "print(" not in code


@pytest.mark.process
def test_the_commands_run_with_smoke(folder):
    commands = [line for block in blocks("bash") for line in block.splitlines()]
    scripts = [match for line in commands if (match := SCRIPT.search(line))]
    assert scripts
    for place, name, rest in (match.groups() for match in scripts):
        assert (ROOT / place / f"{name}.py").exists()
        if not rest.strip():  # tests/recipes run the scripts as they are
            continue
        arguments = rest.split("#")[0].split()
        if name == "evaluate":
            if keras.backend.backend() == "torch":  # Keras writes no SavedModel there
                arguments[0] += ".keras"
        elif name in SMOKE:
            arguments.append("--smoke")
        else:  # takes long, or files that only a user has
            arguments = ["--help"]
        run([sys.executable, f"{place}/{name}.py", *arguments], folder)


def test_the_first_screen_shows_commands_code_and_a_picture():
    screen = "\n".join(README.splitlines()[:60])
    assert screen.startswith("# ")
    assert "```bash" in screen
    assert "```python" in screen
    assert re.search(r"!\[.*?\]\(\S+\)", screen)
