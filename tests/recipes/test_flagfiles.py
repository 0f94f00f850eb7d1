"""Every row of every table parses; one of each method and base file trains."""

import pathlib
import re

import pytest

from engine.command_line import flagfile_config, parse
from engine.job import run_job
from engine.registry import RECIPES

ROOT = pathlib.Path(__file__).parents[2]
FLAGFILES = sorted((ROOT / "recipes" / "flagfiles").glob("*_lt*/*.flags"))
COMMAND = re.compile(r"# Command: python recipes/(\w+)\.py --flagfile=(\S+)")


@pytest.fixture(autouse=True)
def root(monkeypatch):
    monkeypatch.chdir(ROOT)  # flagfiles name one another from there


def recipe_of(path):
    return COMMAND.search(path.read_text())[1]


def name_of(path):
    return f"{path.parent.name}/{path.stem}"


def test_every_data_set_has_its_rows():
    names = {name_of(path) for path in FLAGFILES}
    rows = {"cifar10_lt": 30, "cifar100_lt": 30, "imagenet_lt": 21}
    for folder, count in rows.items():
        assert len([name for name in names if name.startswith(f"{folder}/")]) == count
        assert f"{folder}/bcl_spa_slerp_noise" in names
        assert f"{folder}/etf_dr_spa_reg" in names
        assert f"{folder}/etf_dr_spa_slerp" not in names


@pytest.mark.parametrize("path", FLAGFILES, ids=name_of)
def test_flagfile_says_what_it_is_and_parses(path):
    text, file = path.read_text(), path.relative_to(ROOT)
    recipe, flagfile = COMMAND.search(text).groups()
    assert flagfile == str(file)
    assert "# Runtime: " in text
    assert "# Published: " in text
    run = flagfile_config(file, RECIPES[recipe])
    expected = run.method
    if run.alignment != "none":
        expected += f"_{run.alignment}"
    assert path.stem == expected


def test_long_training_is_turned_in_its_first_part_alone():
    """The noise of images that a model knows misleads (BUILD_NOTES.md, 60)."""
    for path in FLAGFILES:
        run = flagfile_config(path, RECIPES[recipe_of(path)])
        long = run.alignment == "spa_slerp_noise" and run.epochs >= 90
        if long or path.parent.name.endswith("_40"):
            assert run.spa_stop == (0.4 if "slerp_noise" in path.stem else 1.0), path


def one_of_each_kind():
    """The first flagfile of each method, and of each base file."""
    kinds = {}
    for path in FLAGFILES:
        base = re.findall(r"^--flagfile=(\S+)", path.read_text(), re.M)
        method = path.stem.split("_spa_")[0].removesuffix("_misaligned")
        for kind in (("method", method), ("base", *base)):
            kinds.setdefault(kind, path)
    return sorted(set(kinds.values()))


def marked(path):
    """Those of large networks take long."""
    large = recipe_of(path) == "imagenet_lt" or "_wide" in name_of(path)
    return pytest.param(path, id=name_of(path), marks=[pytest.mark.long] * large)


@pytest.mark.slow
@pytest.mark.parametrize("path", [marked(path) for path in one_of_each_kind()])
def test_flagfile_runs_on_a_few_random_images(path, tmp_path, capsys):
    task = RECIPES[recipe_of(path)]
    flagfile = f"--flagfile={path.relative_to(ROOT)}"
    job = parse([flagfile, "--smoke", f"--output_dir={tmp_path}"], task)
    run_job(job, task)
    (result,) = (tmp_path / "runs").glob("*.json")
    assert '"loss"' in result.read_text()
    assert "[ 1/1]" in capsys.readouterr().out
