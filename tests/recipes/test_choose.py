"""Which candidates run, with what, and how their table ranks them."""

import re
import subprocess

import pytest

import choose
from engine import storage

PLAIN = ("--epochs=3", "--validation_per_class=5")


def result(method, seed, accuracy):
    accuracy = {"all": accuracy, "few": 3.0}
    about = {"method": method, "seed": seed, "cosine": 0.5, "train_accuracy": 99.0}
    return {**about, "accuracy": accuracy}


@pytest.fixture
def asked(monkeypatch):
    """Names and arguments of the candidates that a job runs; 1 % better each time."""
    calls = []

    def run(recipe, arguments, name, output, jobs):
        calls.append((recipe, arguments, name))
        return {("ce", 0): result("ce", 0, 50.0 + len(calls))}

    monkeypatch.setattr(choose, "run_candidate", run)
    return calls


def test_candidates_are_those_that_match_beside_none(asked, tmp_path, capsys):
    choose.main(
        [
            "cifar10_lt",
            "--candidates=Reg (0.1|1)$",
            "--jobs=1",
            f"--output_dir={tmp_path}",
            *("--data_dir", "DIR", *PLAIN),
        ]
    )
    names = [name for _, _, name in asked]
    assert names == ["none", "SpA-Reg 0.1", "SpA-Reg 1"]
    given = ("--data_dir", "DIR", *PLAIN)
    assert {tuple(arguments) for _, arguments, _ in asked} == {given}
    said, _, *lines = (tmp_path / "choices.md").read_text().splitlines()
    command = "python recipes/choose.py cifar10_lt '--candidates=Reg (0.1|1)$' --jobs=1"
    assert said.startswith(f"`{command} {' '.join(PLAIN)}`, commit ")
    lines = lines[2:]
    assert [line.split("|")[2].strip() for line in lines] == names[::-1]
    assert [line.split("|")[4].strip() for line in lines] == ["+2.0", "+1.0", "-"]
    assert "[ 3/3] SpA-Reg 1" in capsys.readouterr().out


def test_all_candidates_run_by_default(asked, tmp_path):
    choose.main(["cifar10_lt", f"--output_dir={tmp_path}", *PLAIN])
    assert [name for _, _, name in asked] == list(choose.CANDIDATES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--jobs=2"], "recipe"),
        (["cifar"], "recipe"),
        (["cifar10_lt", "--jobs=0"], "--jobs"),
        (["cifar10_lt", "--candidates=("], "--candidates: '\\(' is no pattern"),
        (["cifar10_lt", "--candidates=focal"], "--candidates matches none of none"),
        (["cifar10_lt", "--epochs=3"], "--split=validation needs --validation_per"),
        (["cifar10_lt", *PLAIN, "--method=etf_dr"], "cannot move the fixed head"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        choose.main(arguments)
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err)


def test_results_of_other_imbalance_factors_are_not_taken(monkeypatch, tmp_path):
    """They may lie in the same folder, from an earlier call."""
    runs = tmp_path / "none" / "runs"
    for factor, accuracy in ((10, 70.0), (100, 50.0)):
        for seed in (0, 1):
            run = dict.fromkeys(storage.NEEDED, 1.0) | result("ce", seed, accuracy)
            run["flags"] = {}
            path = runs / f"ce-none-if{factor}-seed{seed}.json"
            storage.write_result(path, run)
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda *some, **more: done)
    arguments = [*PLAIN, "--imbalance_factor=10", "--seed=0"]
    measured = choose.run_candidate("cifar10_lt", arguments, "none", tmp_path, 1)
    (one,) = measured.values()
    assert one["accuracy"]["all"] == 70.0


def test_a_candidate_is_what_it_names_whatever_a_flagfile_gives_the_alignment():
    row = "--flagfile=recipes/flagfiles/cifar10_lt_40/"
    row += "balanced_softmax_spa_slerp_noise.flags"
    arguments = [row, "--validation_per_class=5"]
    for name, stop, norm in (
        ("SpA-SLERP (noise) 0.01", 1.0, "keep"),
        ("SpA-SLERP (noise) 0.01, first 0.7", 0.7, "keep"),
        ("SpA-SLERP (noise) 0.01, first 0.7, noise's lengths", 0.7, "noise"),
    ):
        config, *_ = choose.candidate_job("cifar10_lt", arguments, name).runs
        assert (config.spa_stop, config.noise_slerp_norm) == (stop, norm)
        assert (config.epochs, config.split) == (40, "validation")
    given = [*arguments, "--spa_start=0.2"]  # by hand: of all candidates
    config, *_ = choose.candidate_job("cifar10_lt", given, "SpA-Reg 1").runs
    assert (config.spa_start, config.spa_stop) == (0.2, 1.0)
    two_words = ["--flagfile", row.removeprefix("--flagfile="), arguments[1]]
    config, *_ = choose.candidate_job("cifar10_lt", two_words, "SpA-Reg 1").runs
    assert (config.epochs, config.spa_stop) == (40, 1.0)
