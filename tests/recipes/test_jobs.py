"""What a job leaves behind, and what it refuses."""

import pathlib
import re

import pytest
from absl import flags
from absl.testing import flagsaver

import cifar10_lt
import cifar100_lt
import digits_lt
import imagenet_lt
import table
from engine import config, job, run

FLAGS = flags.FLAGS
RECIPES = {
    recipe.__name__: recipe
    for recipe in (cifar10_lt, cifar100_lt, digits_lt, imagenet_lt)
}


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.chdir(table.HERE.parent)
    with flagsaver.flagsaver():
        FLAGS.unparse_flags()
        yield


def run(recipe, *arguments):
    config.parse_and_check([f"{recipe}.py", *arguments], RECIPES[recipe].TASK)
    job.job(RECIPES[recipe].TASK)


@pytest.mark.parametrize(
    ("recipe", "arguments", "message"),
    [
        ("cifar10_lt", ["--method=focal"], "--method must name some of ce, .*focal"),
        (
            "cifar10_lt",
            ["--alignment=spa"],
            "--alignment must name some of none, .*spa",
        ),
        ("cifar10_lt", ["--method="], "--method must name"),
        ("cifar10_lt", ["--seeds=0,0"], "--seeds must be different .*0,0"),
        ("cifar10_lt", ["--seed=x"], "--seeds must be different .*x"),
        ("cifar10_lt", ["--learning_rat=1"], "learning_rat"),
        ("cifar10_lt", ["cifar"], "not a flag: cifar"),
        ("cifar10_lt", ["--imbalance_factor=0.5"], "imbalance_factor"),
        (
            "cifar10_lt",
            ["--method=etf_dr", "--alignment=spa_slerp"],
            "cannot move the fixed head of etf_dr",
        ),
        ("cifar100_lt", ["--method=etf_dr"], "at least 99 features .*has 64.*--width"),
        ("cifar10_lt", ["--mix=mixup"], "--mix=mixup needs --augment_on=host"),
        ("cifar10_lt", ["--split=validation"], "needs --validation_per_class"),
        ("cifar10_lt", ["--validate_every=5"], "needs --validation_per_class"),
        ("cifar10_lt", ["--data=npz:nowhere.npz"], "nowhere.npz"),
        ("imagenet_lt", ["--data_dir=nowhere"], "nowhere"),
    ],
)
def test_bad_input_ends_in_one_line_and_code_2(
    recipe, arguments, message, capsys, tmp_path
):
    with pytest.raises(SystemExit) as stopped:
        run(recipe, *arguments, f"--output_dir={tmp_path / 'new'}")
    assert stopped.value.code == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert re.search(message, errors[0])
    assert not (tmp_path / "new").exists()


def test_a_model_is_trained_again_if_it_was_not_exported(tmp_path, capsys):
    def job(*arguments):
        FLAGS.unparse_flags()
        arguments = ["--method=ce", "--alignment=none", "--smoke", *arguments]
        run("digits_lt", *arguments, f"--output_dir={tmp_path / 'output'}")
        return capsys.readouterr().out

    export = f"--export_dir={tmp_path / 'models'}"
    assert "[ 1/1]" in job()
    assert "results were already" in job()
    assert "[ 1/1]" in job(export)
    assert (tmp_path / "models/ce-none-if50-seed0.keras").exists()
    assert "results were already" in job(export)
    with pytest.raises(SystemExit):
        run(
            *("digits_lt", "--method=ce", "--alignment=none", "--smoke"),
            *("--weight_decay=0.1", export, f"--output_dir={tmp_path / 'other'}"),
        )
    error = capsys.readouterr().err
    assert re.search("models.*seed0.json is of another configuration: weight_d", error)


def test_a_result_is_kept_for_the_same_and_guarded_from_another_configuration(
    tmp_path, capsys
):
    where = [f"--output_dir={tmp_path}", "--smoke", "--method=ce", "--alignment=none"]
    run("digits_lt", *where)
    (path,) = (tmp_path / "runs").glob("*.json")
    before = path.read_bytes()
    FLAGS.unparse_flags()
    run("digits_lt", *where)
    assert "1 results were already in" in capsys.readouterr().out
    assert path.read_bytes() == before
    FLAGS.unparse_flags()
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where, "--learning_rate=0.3")
    assert stopped.value.code == 2
    assert "learning_rate is 0.1 there and 0.3 here" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_interrupted_job_keeps_its_results(tmp_path, monkeypatch, capsys):
    real, calls = run.train, []

    def second_stops(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "train", second_stops)
    where = [f"--output_dir={tmp_path}", "--smoke", "--method=ce"]
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where)
    assert stopped.value.code == 130
    assert "The same command goes on" in capsys.readouterr().out
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert pathlib.Path(tmp_path / "table.md").exists()


def test_a_begun_run_is_not_continued_with_other_settings(
    tmp_path, monkeypatch, capsys
):
    def stops(task, method, alignment, seed, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", stops)
    where = [f"--output_dir={tmp_path}", "--smoke", "--method=ce", "--alignment=none"]
    with pytest.raises(SystemExit):
        run("digits_lt", *where)
    FLAGS.unparse_flags()
    with pytest.raises(SystemExit) as stopped:
        run("digits_lt", *where, "--learning_rate=0.3")
    assert stopped.value.code == 2
    assert "learning_rate is 0.1 there and 0.3 here" in capsys.readouterr().err
    FLAGS.unparse_flags()
    with pytest.raises(SystemExit) as stopped:  # begins anew, and is stopped again
        run("digits_lt", *where, "--learning_rate=0.3", "--noresume")
    assert stopped.value.code == 130
