"""The command that compares post-hoc methods: what it takes, keeps and writes."""

import dataclasses
import json
import re
import sys

import pytest

import posthoc
from engine import after_training, artifact, command_line, measures, storage
from engine.registry import RECIPES
from reporting import posthoc_page, rows
from reporting.posthoc_page import UNTOUCHED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "digits_lt"], "--models=FOLDER is missing"),
        (["--recipe=mnist"], "recipe.*digits_lt"),
        (["--recipe", "digits_lt", "--models", "{}", "--epoch=3"], "epoch"),
        (["--recipe=digits_lt", "--models={}"], "holds no METHOD-none-if50-seedN"),
        (["--models={}", "--method=ce"], "--method=ce: all models of the folder"),
        (["--models={}", "--seeds=0,1"], "--seeds=0,1: all models of the folder"),
        (
            ["--recipe=digits_lt", "--models={}", "--imbalance_factor=20"],
            "ce-none-if20-seed0.keras cannot be loaded by Keras",
        ),
    ],
)
def test_bad_arguments_and_models_end_in_one_line(
    arguments, message, tmp_path, monkeypatch, capsys
):
    (tmp_path / "ce-none-if20-seed0.keras").write_text("no archive")
    arguments = [argument.format(tmp_path) for argument in arguments]
    monkeypatch.setattr(sys, "argv", ["posthoc.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        posthoc.main()
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(message, line)


@pytest.mark.parametrize(
    ("more", "said"), [([], False), (["--validation_per_class=0"], True)]
)
def test_results_state_the_alignment_of_the_training(
    more, said, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(artifact, "load_model", lambda path: path.stem)
    monkeypatch.setattr(measures, "measure", lambda *_: {"nc1": 0.5})
    one = {"all": 50.0, "many": 60.0, "medium": 50.0, "few": 40.0}
    choices = {"spa.align": {"beta": 0.2}}
    monkeypatch.setattr(
        after_training, "compare", lambda *_: ({UNTOUCHED: one}, choices)
    )
    monkeypatch.setattr(after_training, "with_bias", lambda model: model)
    (tmp_path / "ce-spa_proj_noise-if50-seed3.keras").touch()
    (tmp_path / "ce-none-if50-seed3.keras").touch()
    arguments = ["--recipe=digits_lt", f"--models={tmp_path}", "--smoke", *more]
    row = "--flagfile=recipes/flagfiles/digits_lt/ce_spa_proj_noise.flags"
    arguments += [row, f"--output_dir={tmp_path / 'done'}"]
    monkeypatch.chdir(rows.ROOT)  # a row's flagfile names its method
    monkeypatch.setattr(sys, "argv", ["posthoc.py", *arguments])
    trained = {"flags": {"epochs": 1, "augment": "none", "spa_stop": 0.4}}
    trained["flags"] |= {"imbalance_factor": 50, "validation_per_class": 20}
    if said:
        trained["flags"]["validation_per_class"] = 0
    result = dict.fromkeys(storage.NEEDED) | trained
    storage.write_result(tmp_path / "ce-spa_proj_noise-if50-seed3.json", result)
    posthoc.main()
    (run,) = json.loads((tmp_path / "done" / "results.json").read_text())["runs"]
    assert run["choices"] == choices
    assert (
        run["flags"]["spa_stop"] == 0.4
    )  # of the model, which the command leaves open
    assert posthoc_page.alignment(tmp_path / "done") == "spa_proj_noise"
    assert posthoc_page.load(tmp_path / "done") == {("ce", 3): {UNTOUCHED: one}}
    shown = capsys.readouterr().out
    assert "SpA-Proj (noise)" in shown
    assert ("is left out" in shown) == said
    for ending in ("keras", "json"):
        old = tmp_path / f"ce-spa_proj_noise-if50-seed3.{ending}"
        old.rename(tmp_path / f"ce-spa_proj_noise-if50-seed2.{ending}")
    for more, seeds in (["--add"], [2, 3]), ([], [2]):
        monkeypatch.setattr(sys, "argv", ["posthoc.py", *arguments, *more])
        posthoc.main()
        assert [seed for _, seed in posthoc_page.load(tmp_path / "done")] == seeds


def test_comparisons_of_other_models_are_kept_if_wanted(tmp_path):
    config = command_line.parse(["--seed=1"], RECIPES["cifar10_lt"]).runs[0]
    models = [(tmp_path / f"{config.name}.keras", config)]
    assert posthoc.other_runs(tmp_path, "cifar10_lt", models) == []
    runs = [{"method": "ce", "seed": seed, "accuracy": {}} for seed in (0, 1)]
    glmc = {"method": "glmc", "seed": 1, "environment": "newer", "accuracy": {}}
    runs.append(glmc)
    older = {"runs": runs, "flags": config.identity(), "environment": "old"}
    storage.write_result(tmp_path / "results.json", older)
    assert posthoc.other_runs(tmp_path, "cifar10_lt", models) == [
        {**runs[0], "environment": "old"},
        runs[2],
    ]
    newer = older | {"alignment": "none", "recipe": "cifar10_lt"}
    storage.write_result(tmp_path / "results.json", newer)
    changes = [("alignment", "spa_reg"), ("epochs", 7), ("order", "file"), ("depth", 8)]
    for name, value in [*changes, ("recipe", "cifar100_lt")]:
        changed = {} if name == "recipe" else {name: value}
        other = [(models[0][0], dataclasses.replace(config, **changed))]
        recipe = value if name == "recipe" else "cifar10_lt"
        with pytest.raises(ValueError, match=f"--add: .*--{name}=.*, not with {value}"):
            posthoc.other_runs(tmp_path, recipe, other)
    broken = [
        *([{"method": "ce", "seed": 9}], [{}], 3),
        *([{**runs[0], "seed": seed}] for seed in ("7", 1.5, None)),
        [{**runs[0], "flags": "abc"}],
    ]
    for content in (
        *({}, {"flags": {}}, newer | {"flags": []}),
        *(newer | {"runs": one} for one in broken),
    ):
        storage.write_result(tmp_path / "results.json", content)
        with pytest.raises(ValueError, match="results.json holds no comparison"):
            posthoc.other_runs(tmp_path, "cifar10_lt", models)


def test_models_of_a_method_are_kept_beside_their_like_alone(tmp_path):
    config = command_line.parse(["--seed=1"], RECIPES["cifar10_lt"]).runs[0]
    path, other = tmp_path / f"{config.name}.keras", "balanced_softmax"
    result = dict.fromkeys(storage.NEEDED) | {"flags": config.identity()}
    storage.write_result(path.with_suffix(".json"), result)
    kept = [
        {"method": method, "seed": 7, "accuracy": {}, "flags": config.identity() | own}
        for method, own in ((config.method, {}), (other, {"learning_rate": 0.3}))
    ]
    before = {"runs": kept, "flags": config.identity()}
    storage.write_result(tmp_path / "results.json", before)
    models = [(path, config)]
    assert len(posthoc.other_runs(tmp_path, "cifar10_lt", models)) == 2
    kept[0]["flags"]["learning_rate"] = 0.3
    storage.write_result(tmp_path / "results.json", before)
    with pytest.raises(ValueError, match="--learning_rate=0.3, not with 0.1"):
        posthoc.other_runs(tmp_path, "cifar10_lt", models)


def test_a_missing_library_ends_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "ce-none-if50-seed0.keras").touch()
    arguments = ["--recipe=digits_lt", f"--models={tmp_path}"]
    monkeypatch.setattr(sys, "argv", ["posthoc.py", *arguments])
    monkeypatch.setitem(sys.modules, "engine.after_training", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        posthoc.main()
    assert stopped.value.code == 2
    assert "posthoc.py: import of engine.after_training" in capsys.readouterr().err


def test_models_of_other_data_are_refused(tmp_path):
    """Their result files say what they were trained on."""
    config = command_line.parse(["--seed=0"], RECIPES["cifar10_lt"]).runs[0]
    config = dataclasses.replace(config, validation_per_class=5)
    (tmp_path / f"{config.name}.keras").touch()
    result = dict.fromkeys(storage.NEEDED) | {"flags": config.identity()}
    storage.write_result(tmp_path / f"{config.name}.json", result)
    assert len(posthoc.exported_models(str(tmp_path), config)) == 1
    aligned = dataclasses.replace(config, alignment="spa_slerp_noise")
    with pytest.raises(ValueError, match="no METHOD-spa_slerp_noise-if100-seedN"):
        posthoc.exported_models(str(tmp_path), aligned)
    (tmp_path / f"{aligned.name}.keras").touch()
    ((path, run),) = posthoc.exported_models(str(tmp_path), aligned)
    assert (path.stem, run) == (aligned.name, aligned)
    fields = ("max_count", 500), ("augment", "crop_flip"), ("epochs", 7), ("depth", 20)
    for field, value in fields:
        other = dataclasses.replace(config, **{field: value})
        with pytest.raises(ValueError, match=f"--{field}=.*, not with {value}: give"):
            posthoc.exported_models(str(tmp_path), other)
