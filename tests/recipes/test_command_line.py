"""Flags become configurations, or one line."""

import pathlib
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


SCRIPT = """
import pathlib, runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, str(pathlib.Path(sys.argv[0]).parent))
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print("keras" in sys.modules, "tensorflow" in sys.modules, file=sys.stderr)
"""


def before_keras(script, *arguments):
    """What a script prints; it must end before Keras or TensorFlow is imported."""
    path = pathlib.Path(digits_lt.__file__).with_name(script)
    command = [sys.executable, "-c", SCRIPT, path, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    *error, imported = done.stderr.splitlines()
    assert imported == "False False"
    return done.returncode, done.stdout, error


@pytest.mark.process
def test_help_shows_flags_in_groups_with_the_defaults_of_the_recipe():
    code, shown, _ = before_keras("digits_lt.py", "--help")
    assert code == 0
    assert shown.startswith("Space misalignment and its three remedies")
    assert re.search(r"^  --imbalance_factor: .*?\(default: 50.0\)", shown, re.S | re.M)
    assert "\n\nThe job:\n  --method" in shown
    assert "\n\nImages: where from, how many, what to measure on:\n  --imb" in shown
    assert "--noise_slerp_rate" not in shown
    assert "--helpfull also shows: parameters of the methods" in shown


@pytest.mark.process
def test_helpfull_shows_every_flag():
    code, shown, _ = before_keras("cifar10_lt.py", "--helpfull")
    assert code == 0
    for flag in command_line.job_flags(RECIPES["cifar10_lt"]):
        found = re.findall(rf"^  --(?:\[no\])?{flag}:", shown, re.M)
        assert len(found) == (flag != "seed"), flag
    assert re.search("^The network:\n  --depth", shown, re.M)


@pytest.mark.process
@pytest.mark.parametrize(
    "script", ["evaluate", "posthoc", "choose", "grid", "table", "imagenet_lt"]
)
def test_every_script_helps_before_keras_is_imported(script):
    code, shown, error = before_keras(f"{script}.py", "--help")
    assert (code, error) == (0, [])
    assert "python recipes/" in shown


@pytest.mark.process
def test_a_mistyped_flag_is_refused_before_keras_is_imported():
    code, _, error = before_keras("cifar10_lt.py", "--learning_rat=2")
    assert code == 2
    assert re.search("learning_rat'. Did you mean: learning_rate", *error)
