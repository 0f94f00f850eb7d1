"""Flags become configurations, or one line."""

import re
import subprocess
import sys

import pytest

import digits_lt
from engine import command_line
from engine.registry import RECIPES


def parse(recipe, *arguments):
    return command_line.parse(arguments, RECIPES[recipe])


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
        ("cifar10_lt", ["--seeds=00,0"], "--seeds must be different .*00,0"),
        ("cifar10_lt", ["--seed=²"], "--seeds must be different .*²"),
        ("cifar10_lt", ["--seed=4294967296"], "--seed must be at most 2147483647"),
        ("cifar10_lt", ["--method=ce,ce"], "--method names one twice: ce,ce"),
        ("cifar10_lt", ["--learning_rate=nan"], "--learning_rate must be .* not nan"),
        ("cifar10_lt", ["--spa_slerp_rate=nan"], "--spa_slerp_rate must be a finite"),
        ("cifar10_lt", ["--decay_factors=a,b"], "--decay_factors=a,b: .*'a'"),
        ("cifar10_lt", ["--decay_factors="], "--decay_factors must be two numbers"),
        ("digits_lt", ["--data=folder:mine"], "--data=folder:mine cannot be had"),
        ("digits_lt", ["--max_count=10"], "--max_count=10 cannot be had"),
        ("imagenet_lt", ["--imbalance_factor=9"], "the ImageNet-LT have imbalance_fac"),
        (
            "digits_lt",
            ["--augment=rand_augment", "--augment_on=host"],
            "--augment=rand_augment is for images of three colours",
        ),
        ("cifar10_lt", ["--learning_rat=1"], "learning_rat"),
        ("cifar10_lt", ["cifar"], "not a flag: cifar"),
        ("cifar10_lt", ["--imbalance_factor=0.5"], "imbalance_factor"),
        ("cifar10_lt", ["--depth=9"], "depth.*8\\|14\\|20"),
        ("cifar10_lt", ["--jobs=0"], "jobs"),
        ("digits_lt", ["--depth=8"], "depth"),
        ("cifar10_lt", ["--flagfile=nowhere.flags"], "nowhere.flags"),
        (
            "cifar10_lt",
            ["--method=etf_dr", "--alignment=spa_slerp"],
            "cannot move the fixed head of etf_dr",
        ),
        ("cifar100_lt", ["--method=etf_dr"], "at least 99 features .*has 64.*--width"),
        ("cifar10_lt", ["--mix=mixup"], "--mix=mixup needs --augment_on=host"),
    ],
)
def test_bad_flags_end_in_one_line(recipe, arguments, message):
    with pytest.raises(ValueError, match=message) as told:
        parse(recipe, *arguments)
    assert "\n" not in str(told.value)


def test_a_job_runs_baselines_first_seed_by_seed():
    job = parse("digits_lt", "--seeds=4,2")
    names = [run.name for run in job.runs]
    assert len(names) == 18
    assert names[:2] == ["ce-none-if50-seed4", "ce-spa_reg_noise-if50-seed4"]
    assert "balanced_softmax-misaligned-if50-seed4" not in names
    assert names[9] == "ce-none-if50-seed2"
    assert (job.jobs, job.runs[0].epochs, job.runs[0].verbose) == (2, 60, False)


def test_what_is_named_runs_also_with_balanced_softmax():
    job = parse("digits_lt", "--method=balanced_softmax", "--alignment=misaligned")
    assert [run.alignment for run in job.runs] == ["misaligned"] * 3


def test_types_are_those_of_the_fields():
    (run,) = parse(
        *("cifar10_lt", "--seed=3", "--depth=20", "--decay_factors=0.1,0.01"),
        *("--max_count=500", "--nospa_slerp_ramp", "--epochs=7"),
    ).runs
    assert (run.depth, run.width, run.seed) == (20, 16, 3)
    assert run.decay_factors == (0.1, 0.01)
    assert (run.max_count, run.spa_slerp_ramp, run.epochs) == (500, False, 7)
    assert type(run.depth) is int


def test_smoke_is_one_seed_and_one_epoch():
    job = parse("cifar10_lt", "--smoke", "--epochs=9")
    assert [(run.seed, run.epochs, run.verbose) for run in job.runs] == [(0, 1, False)]
    (run,) = parse("cifar10_lt", "--smoke", "--warmup_epochs=5").runs
    assert run.warmup_epochs == 0  # there is no epoch left for it


def test_a_flagfile_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "binary.flags").write_bytes(b"\xff\xfe--epochs=5")
    with pytest.raises(ValueError, match="--flagfile must name a text file"):
        parse("digits_lt", f"--flagfile={tmp_path / 'binary.flags'}")


@pytest.mark.process
def test_help_shows_every_flag_and_the_defaults_of_the_recipe():
    command = [sys.executable, digits_lt.__file__, "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.startswith("Space misalignment and its three remedies")
    for flag in command_line.job_flags(RECIPES["digits_lt"]):
        assert flag == "seed" or re.search(rf"--(\[no\])?{flag}:", done.stdout), flag
    assert re.search(r"--imbalance_factor: .*?\(default: 50.0\)", done.stdout, re.S)
