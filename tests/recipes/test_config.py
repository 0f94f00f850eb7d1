"""What identifies a result are the fields of `RunConfig`."""

import dataclasses
import json
import pathlib

import pytest

from engine import config
from engine.config import RunConfig
from engine.registry import RECIPES
from engine.tasks.cifar import CifarConfig

RESULTS = pathlib.Path(__file__).parents[2] / "recipes" / "results"
TASKS = {task.title: task for task in RECIPES.values()}


def stored_results():
    paths = sorted(RESULTS.glob("*/runs/*.json"))
    assert len(paths) > 100
    return [(path, json.loads(path.read_text())) for path in paths]


def test_every_stored_result_equals_its_own_configuration():
    for path, result in stored_results():
        run = config.stored_config(TASKS[result["dataset"]].config, result)
        assert not run.differences(result["flags"]), path
        assert run.name == path.stem
        again = json.loads(json.dumps(run.identity()))
        assert not run.differences(again), path


def test_every_field_that_decides_tells_results_apart():
    path, result = stored_results()[0]
    run = config.stored_config(TASKS[result["dataset"]].config, result)
    changed = {"depth": 20, "width": 32, "decay_factors": (0.1, 0.01)}
    for field in dataclasses.fields(run):
        if field.name in config.NAMES or not field.metadata["decides"]:
            continue
        value, other = run.identity()[field.name], changed.get(field.name)
        if other is None:
            choices = field.metadata["choices"]
            if choices:
                other = next(choice for choice in choices if choice != value)
            elif isinstance(value, bool):
                other = not value
            else:
                other = "npz:other" if field.name == "data" else (value or 0) + 1
        found = run.differences({**result["flags"], field.name: other})
        assert list(found) == [field.name]


def test_what_decides_nothing_is_not_compared():
    plain = RunConfig()
    managed = RunConfig(
        data_dir="d", export_dir="e", tensorboard_dir="t", resume=False, verbose=False
    )
    assert managed.identity() == plain.identity()
    assert set(plain.identity()).isdisjoint({*config.NAMES, "resume", "strategy"})


def test_fields_that_a_file_lacks_had_their_defaults_and_unknown_ones_differ():
    run = CifarConfig(epochs=7)
    stored = run.identity()
    del stored["tau"]
    assert not run.differences(stored)
    assert list(CifarConfig(epochs=7, tau=2.0).differences(stored)) == ["tau"]
    assert run.differences({**stored, "colour": "red"}) == {"colour": "red"}


def test_a_configuration_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().epochs = 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "focal"}, "--method must be one of ce, .*not focal"),
        ({"alignment": "spa"}, "--alignment must be one of none, .*not spa"),
        ({"schedule": "linear"}, "--schedule must be one of steps, cosine"),
        ({"method": "etf_dr", "alignment": "spa_proj"}, "cannot move the fixed head"),
        ({"mix": "mixup"}, "--mix=mixup needs --augment_on=host"),
        (
            {"method": "glmc", "mix": "mixup", "augment_on": "host"},
            "--mix=mixup mixes once more",
        ),
        ({"aligned_head": "all"}, "--aligned_head must be one of fc, fc_cb, both"),
        ({"split": "validation"}, "--split=validation needs --validation_per_class"),
        ({"tau": float("inf")}, "--tau must be a finite number, not inf"),
        ({"epochs": 0}, "--epochs must be at least 1, not 0"),
        ({"epochs": 2**31}, "--epochs must be at most 2147483647"),
        ({"spa_proj_gamma": 1.5}, "--spa_proj_gamma must be at most 1, not 1.5"),
        ({"beta": 1.0}, "--beta must be below 1"),
        ({"decay_factors": (0.1,)}, "--decay_factors must be two numbers.*not 0.1"),
        ({"decay_factors": (0.1, -1.0)}, "--decay_factors must be at least 0"),
        ({"epochs": 10, "warmup_epochs": 9}, "--warmup_epochs=9 must end within 80 %"),
        ({"validate_every": 5}, "--validate_every=5 needs --validation_per_class"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        RunConfig(**fields)
