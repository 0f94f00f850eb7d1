"""What a job makes of what earlier ones left in its folder, and of log lines."""

import dataclasses
import json
import os
import subprocess
import sys

import keras
import pytest
from jobs import ONE, run

import digits_lt
from engine import command_line, earlier, storage
from engine.registry import RECIPES


def test_settings_of_a_run_begun_by_an_earlier_version_are_read(tmp_path, capsys):
    """They hold texts where there are numbers now."""
    task = RECIPES["cifar10_lt"]
    (config,) = command_line.parse([*ONE, f"--output_dir={tmp_path}"], task).runs
    texts = {**config.identity(), "depth": "32", "width": "16"}
    texts["decay_factors"] = ["0.01", "0.0001"]
    folder = earlier.checkpoints(tmp_path, config)
    storage.write_result(folder / earlier.SETTINGS, texts)
    assert earlier.look(tmp_path, config, task.title).result is None
    other = dataclasses.replace(config, depth=20)
    with pytest.raises(ValueError, match="depth is 32 there and 20 here"):
        earlier.look(tmp_path, other, task.title)
    assert json.loads((folder / earlier.SETTINGS).read_text()) == texts


def test_results_of_another_data_set_are_not_taken_for_ones_own(tmp_path):
    """CIFAR-10 and CIFAR-100 have the same flags."""
    ten, hundred = (RECIPES[name].title for name in ("cifar10_lt", "cifar100_lt"))
    export = f"--export_dir={tmp_path}"
    task = RECIPES["cifar100_lt"]
    (config,) = command_line.parse([*ONE, export], task).runs
    result = dict.fromkeys(storage.NEEDED)
    result |= {"dataset": ten, "flags": json.loads(json.dumps(config.identity()))}
    paths = storage.result_path(tmp_path, config), earlier.export_result_path(config)
    for path in paths:
        storage.write_result(path, result)
        with pytest.raises(ValueError, match=f"{path.name} is of {ten}. Choose"):
            earlier.look(tmp_path, config, hundred)
        assert earlier.look(tmp_path, config, ten).result in (result, None)
        if path == paths[0]:
            others = earlier.other_results(tmp_path, config, hundred, [])
            assert others == {f"dataset={ten}": [result]}
            assert earlier.other_results(tmp_path, config, ten, []) == {"": [result]}
            path.unlink()


def test_a_second_command_keeps_the_rows_of_the_first(tmp_path, capsys):
    """Rows of the same settings join its table; others get one of their own."""
    where = f"--output_dir={tmp_path}"
    run("digits_lt", "--smoke", "--method=ce", "--alignment=none,spa_reg", where)
    first = capsys.readouterr().out
    assert "2 runs of 1 epoch over" in first
    run("digits_lt", "--smoke", "--method=balanced_softmax", "--alignment=none", where)
    told, table = capsys.readouterr().out, (tmp_path / "table.md").read_text()
    assert "1 run of 1 epoch over" in told
    assert table in told
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["balanced softmax", "none"],
        ["cross-entropy", "none"],
        ["cross-entropy", "SpA-Reg"],
    ]
    other = ["--learning_rate=0.01", "--tau=2", "--alignment=none"]
    run("digits_lt", "--smoke", "--method=logit_adjustment", *other, where)
    first, second = (
        (tmp_path / "table.md")
        .read_text()
        .split("\nWith learning_rate=0.1, tau=1.0:\n\n")
    )
    assert (first.count("logit adjustment"), first.count("cross")) == (1, 0)
    assert (second.count("logit adjustment"), second.count("cross")) == (0, 2)


def test_why_a_run_is_trained_again_is_told(tmp_path, capsys):
    where = [*ONE, f"--output_dir={tmp_path / 'output'}"]
    run("digits_lt", *where)
    assert "Of these runs" not in capsys.readouterr().out
    table = (tmp_path / "output/table.md").read_text()
    run("digits_lt", *where)
    assert "Of these runs, there already: 1\n" in capsys.readouterr().out
    assert (tmp_path / "output/table.md").read_text() == table
    run("digits_lt", *where, "--noresume")
    assert "trained again, for --noresume: 1\n" in capsys.readouterr().out
    models = tmp_path / "models"
    run("digits_lt", *where, f"--export_dir={models}")
    told = capsys.readouterr().out
    assert f"trained again, for {models} does not hold their models: 1\n" in told
    (config,) = command_line.parse(where, RECIPES["digits_lt"]).runs
    storage.result_path(tmp_path / "output", config).unlink()
    begun = earlier.checkpoints(tmp_path / "output", config) / earlier.SETTINGS
    storage.write_result(begun, config.identity())
    run("digits_lt", *where)
    assert "gone on with from where they were stopped: 1\n" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize("jobs", [1, 2])
def test_libraries_do_not_write_to_the_screen_as_they_start(tmp_path, jobs):
    command = [sys.executable, digits_lt.__file__, "--epochs=1", "--seeds=0,1"]
    arguments = ["--method=ce", "--alignment=none", f"--jobs={jobs}"]
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [*command, *arguments, f"--export_dir={tmp_path / 'models'}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "TensorSpec" not in done.stdout
    log = (tmp_path / "output/digits_lt/log.txt").read_text()
    if keras.backend.backend() == "tensorflow":  # elsewhere it is loaded when needed
        assert done.stderr == ""
        assert "oneDNN" in log or "cuda" in log.lower()


def test_a_result_names_the_environments_of_all_its_parts(tmp_path):
    """A run that was stopped may go on with other code, on another machine."""
    where = [*ONE, f"--output_dir={tmp_path}"]
    (config,) = command_line.parse(where, RECIPES["digits_lt"]).runs
    folder, now = earlier.checkpoints(tmp_path, config), storage.environment()
    other = now | {"commit": "another"}
    storage.write_result(folder / earlier.SETTINGS, config.identity())
    storage.write_result(folder / earlier.ENVIRONMENTS, {"environments": [other]})
    run("digits_lt", *where)  # without a checkpoint: what was noted led to nothing
    result = storage.read_result(storage.result_path(tmp_path, config))
    assert result["begun_in"] == []
    assert result["environment"].items() >= now.items()


def test_environments_of_a_run_that_goes_on_are_kept_once(tmp_path):
    first, second = {"commit": "a"}, {"commit": "b"}
    for now, goes_on, before in (
        *((first, False, []), (second, True, [first]), (second, True, [first])),
        *((first, True, [second]), (second, False, [])),
    ):
        assert earlier.note_environment(tmp_path, now, goes_on) == before


def test_the_commit_is_that_of_the_code_that_runs(monkeypatch):
    """Not one that came while it ran."""
    storage.commit.cache_clear()
    commits = iter(["first", "second"])

    def describe(*_, **__):
        return subprocess.CompletedProcess([], 0, stdout=next(commits) + "\n")

    monkeypatch.setattr(subprocess, "run", describe)
    before = storage.environment()
    assert [before["commit"], storage.environment()["commit"]] == ["first", "first"]
    storage.commit.cache_clear()
