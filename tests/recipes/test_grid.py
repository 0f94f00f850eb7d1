"""The grid trains what the tables lack, and only that."""

import json
import pathlib
import subprocess
import types

import pytest

import grid
from engine import storage
from reporting import rows

CODE = {"train_accuracy": 90.0, "cosine": 0.5, "cosine_per_class": [0.5]}


@pytest.fixture(autouse=True)
def committed(monkeypatch):
    """Git is not asked, whose process would be taken for a recipe's."""
    monkeypatch.setattr(storage, "commit", lambda: "abc")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty folder of results in place of ours."""
    folder = tmp_path / "results"
    monkeypatch.setattr(grid, "RESULTS", folder)
    monkeypatch.setattr(rows, "RESULTS", folder)
    return folder


@pytest.fixture
def commands(monkeypatch):
    """What would be run; each command leaves the result that its recipe would."""
    run = []

    def train(command, **_):
        run.append(command)
        given = dict(part[2:].split("=", 1) for part in command[2:] if "=" in part)
        path = rows.ROOT / given["flagfile"]
        section = grid.SECTION[path.parent.name]
        config = rows.read_flagfile(path, section)
        name = f"{config.row_name}-seed{given['seeds']}"
        result = {
            "dataset": section.title,
            "method": config.method,
            "alignment": config.alignment,
            "seed": int(given["seeds"]),
            "flags": config.identity(),
            "class_counts": [2, 1],
            "accuracy": {"all": 60.0},
            **CODE,
        }
        storage.write_result(
            pathlib.Path(given["output_dir"]) / "runs" / f"{name}.json", result
        )
        return types.SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", train)
    return run


def test_missing_runs_are_trained_seed_by_seed_and_found_again(
    results, commands, tmp_path, capsys
):
    arguments = ["cifar10_lt_40", "cifar100_lt_40", "--rows=^ce$", "--seeds=0,1"]
    arguments += [f"--work={tmp_path}", "--data_dir=DIR"]
    grid.main(arguments)
    asked = [(pathlib.Path(part[1]).name, part[4]) for part in commands]
    assert asked == [
        ("cifar10_lt.py", "--seeds=0"),
        ("cifar100_lt.py", "--seeds=0"),
        ("cifar10_lt.py", "--seeds=1"),
        ("cifar100_lt.py", "--seeds=1"),
    ]
    assert commands[0][-2:] == ["--data=npz:cifar10_lt50.npz", "--data_dir=DIR"]
    stored = results / "cifar100_lt_40" / "runs" / "ce-none-if100-seed1.json"
    assert json.loads(stored.read_text())["accuracy"]["all"] == 60.0
    stored.unlink()
    commands.clear()
    grid.main(arguments)
    assert [part[4] for part in commands] == ["--seeds=1"]
    assert "1 of 4 runs are missing" in capsys.readouterr().out


def test_a_list_trains_nothing(results, commands, capsys):
    grid.main(["digits_lt", "--rows=^ce", "--seeds=0", "--list"])
    assert not commands
    assert "digits_lt/ce-spa_reg-if50-seed0" in capsys.readouterr().out


def test_rows_of_some_imbalance_factors_alone(results, commands, capsys):
    arguments = ["cifar100_lt", "digits_lt", "--rows=^ce$", "--seeds=0", "--list"]
    grid.main([*arguments, "--factors=100,50"])
    _, *listed = capsys.readouterr().out.splitlines()
    assert listed == [
        "cifar100_lt/ce-none-if100-seed0",
        "cifar100_lt/ce-none-if50-seed0",
        "digits_lt/ce-none-if50-seed0",
    ]


def test_smoke_tries_each_row_and_keeps_nothing(results, commands, tmp_path, capsys):
    arguments = [
        "cifar10_lt_40",
        "--rows=^ce$",
        "--seeds=0",
        f"--work={tmp_path / 'w'}",
    ]
    grid.main(arguments)
    (stored,) = results.rglob("*.json")
    before = stored.read_bytes()
    grid.main([*arguments, "--smoke"])  # also rows that have a result
    assert "--smoke" in commands[1]
    assert "--smoke" not in commands[0]
    assert "ce-none-if100-seed0: runs" in capsys.readouterr().out
    assert list(results.rglob("*.json")) == [stored]
    assert stored.read_bytes() == before
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["cifar10_lt_40"]


def test_a_recipe_that_fails_ends_the_grid_with_its_last_line(
    results, monkeypatch, tmp_path
):
    def fail(*_, **__):
        return types.SimpleNamespace(returncode=2, stderr="a\nno such data")

    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(SystemExit, match=r"ce-none-if50-seed0: no such data"):
        grid.main(["digits_lt", "--rows=^ce$", "--seeds=0", f"--work={tmp_path}"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cifar"], "cifar10_lt_40"),
        (["digits_lt", "--jobs=0"], "--jobs"),
        (["digits_lt", "--rows=("], "is no pattern"),
        (["digits_lt", "--seeds=a"], "--seeds"),
        (["digits_lt", "--factors=50,x"], "--factors"),
        (["digits_lt", "--factors=50,7"], "--factors=7: these sections have [50]"),
        (["digits_lt", "--seeds=-1"], "must be 0 or more, not -1"),
        *(
            (["digits_lt", "--list", f"--{name}"], "comes from its flagfile")
            for name in (
                *("epochs=1", "imbalance_factor=5", "alignment=none", "method=ce"),
                *("seed=4", "output_dir=elsewhere", "mixed_precision=mixed_bfloat16"),
            )
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        grid.main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_what_is_named_twice_runs_once(results, commands, capsys):
    """Two processes would share its checkpoints."""
    grid.main(["digits_lt", "digits_lt", "--rows=^ce$", "--seeds=7,7", "--list"])
    _, *listed = capsys.readouterr().out.splitlines()
    assert listed == ["digits_lt/ce-none-if50-seed7"]


@pytest.mark.parametrize("commit", ["abc", "abc-dirty", None])
def test_changes_without_a_commit_are_told(
    commit, results, commands, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(storage, "commit", lambda: commit)
    grid.main(["digits_lt", "--rows=^ce$", "--seeds=0", f"--work={tmp_path}"])
    told = "changes that no commit holds" in capsys.readouterr().out
    assert told == (commit == "abc-dirty")
