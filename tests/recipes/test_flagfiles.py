"""Every row of every table parses, and runs on a few random images."""

import json

import keras
import pytest
from absl import flags
from absl.testing import flagsaver

import table
from engine import config, job

FLAGS = flags.FLAGS
RECIPES = {recipe.__name__: recipe for _, recipe, _ in table.SECTIONS.values()}
FLAGFILES = [
    (about[1].__name__, folder, path.name)
    for folder, about in table.SECTIONS.items()
    for path in sorted((table.HERE / "flagfiles" / folder).glob("*.flags"))
]


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.chdir(table.HERE.parent)
    with flagsaver.flagsaver():
        FLAGS.unparse_flags()
        yield


def test_every_data_set_has_its_rows():
    names = {(folder, name) for _, folder, name in FLAGFILES}
    for folder in ("cifar10_lt", "cifar100_lt", "imagenet_lt"):
        assert len([name for f, name in names if f == folder]) == 18
        assert (folder, "etf_dr_spa_reg.flags") in names
        assert (folder, "etf_dr_spa_slerp.flags") not in names


@pytest.mark.parametrize(("recipe", "folder", "name"), FLAGFILES)
def test_flagfile_says_what_it_is_and_parses(recipe, folder, name):
    path = table.HERE / "flagfiles" / folder / name
    text = path.read_text()
    command = f"python recipes/{recipe}.py --flagfile=recipes/flagfiles/{folder}/{name}"
    assert f"# Command: {command}" in text
    assert "# Runtime: " in text
    assert "# Published: " in text
    wanted = table.settings_of(path, RECIPES[recipe].TASK)
    (method,), (alignment,) = wanted["method"], wanted["alignment"]
    expected = method if alignment == "none" else f"{method}_{alignment}"
    assert name == f"{expected}.flags"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough")
@pytest.mark.parametrize(("recipe", "folder", "name"), FLAGFILES)
def test_flagfile_runs_on_a_few_random_images(recipe, folder, name, tmp_path, capsys):
    task = RECIPES[recipe].TASK
    flagfile = f"--flagfile=recipes/flagfiles/{folder}/{name}"
    arguments = ["test", flagfile, "--smoke", f"--output_dir={tmp_path}"]
    config.parse_and_check(arguments, task)
    job.job(task)
    (path,) = (tmp_path / "runs").glob("*.json")
    result = json.loads(path.read_text())
    assert result["history"]["loss"][0] > 0
    assert "[ 1/1]" in capsys.readouterr().out
