"""The comparison of post-hoc methods: their formulas, their choice, their table."""

import dataclasses
import json
import re
import sys

import keras
import numpy as np
import pytest

import keras_spa as spa
import posthoc
from engine import after_training, artifact, command_line, measures, storage
from engine.registry import RECIPES
from keras_spa.trained import retrain_head, scale_head
from reporting import posthoc_page, rows
from reporting.posthoc_page import (
    ADJUSTED,
    ALIGNED,
    FITTED,
    RETRAINED,
    RETRAINED_ALIGNED,
    SCALED,
    UNTOUCHED,
)


def split(counts, seed):
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(3), counts).astype("int32")
    means = 2 * spa.theory.simplex_etf(3, 4, seed=1)
    images = (means[labels] + random.randn(len(labels), 4)).astype("float32")
    return spa.data.Split(images, labels)


@pytest.fixture(scope="module")
def data():
    splits = [split([200, 30, 6], 0), split([30] * 3, 1), split([40] * 3, 2)]
    return spa.data.LongTailedData("clusters", *splits, class_names=tuple("abc"))


@pytest.fixture(scope="module")
def model(data):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
    model = spa.SpAModel(backbone, keras.layers.Dense(3))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(data.train.images, data.train.labels, epochs=10, verbose=0)
    return model


def test_candidates_are_the_published_formulas():
    weights, biases = np.array([[3.0, 4.0], [0.0, 2.0]]), np.array([0.5, -0.5])
    means, counts = np.array([[2.0, 0.0], [0.0, 5.0]]), np.array([90, 10])
    options = after_training.candidates(weights, biases, means, counts)
    ((rows, b),) = options["nearest class mean"]
    np.testing.assert_allclose(rows, np.eye(2))
    assert not b.any()
    rows, b = options["tau-normalisation"][5]  # the share is 0.5
    np.testing.assert_allclose(rows, weights / np.sqrt([[5.0], [2.0]]))
    assert not b.any()
    for rows, b in (
        options["logit adjustment, chosen"][10],  # tau is 1
        *options["logit adjustment, τ = 1"],
    ):
        np.testing.assert_allclose(b, biases - np.log([0.9, 0.1]))
        assert rows is weights
    untouched, first, *_ = options["SpA-SLERP, the paper's"]
    assert untouched[0] is weights
    turned = after_training.TURNS[0].update_weights(
        weights, spa.ClassStatistics(means, np.ones(2)), 0
    )
    np.testing.assert_allclose(first[0], keras.ops.convert_to_numpy(turned), atol=1e-6)


def test_each_method_is_chosen_on_validation_and_measured_on_test(model, data):
    accuracies = after_training.compare(model, data)
    logits = model.predict(data.test.images, verbose=0)
    right = logits.argmax(axis=1) == data.test.labels
    assert accuracies["untouched"]["all"] == pytest.approx(100 * right.mean())
    assert accuracies["untouched"]["many"] == pytest.approx(100 * right[:40].mean())
    assert accuracies["untouched"]["few"] == pytest.approx(100 * right[80:].mean())
    calibration = spa.metrics.calibration_error(logits, data.test.labels)
    measured = accuracies["untouched"]["calibration error"]
    assert measured == pytest.approx(100 * calibration)
    chosen = accuracies["logit adjustment, chosen"]
    assert chosen["few"] > accuracies["untouched"]["few"]


def test_ours_is_what_align_does(model, data):
    accuracies = after_training.compare(model, data)
    train, held_out = tuple(data.train), tuple(data.validation)
    for name, given in ((ALIGNED, None), (FITTED, held_out)):
        aligned = spa.align(model, train, held_out=given, verbose=0)
        logits = aligned.predict(data.test.images, verbose=0)
        right = logits.argmax(axis=1) == data.test.labels
        assert accuracies[name]["all"] == pytest.approx(100 * right.mean())


def test_without_validation_images_nothing_is_chosen_on_them(model, data):
    without = dataclasses.replace(data, validation=None, validation_source=None)
    accuracies = after_training.compare(model, without)
    assert set(accuracies) == {
        *(UNTOUCHED, "nearest class mean", ADJUSTED, ALIGNED),
        *(RETRAINED, RETRAINED_ALIGNED, SCALED),
    }
    everything = after_training.compare(model, data)
    assert accuracies == {method: everything[method] for method in accuracies}


@pytest.mark.long
def test_heads_of_the_second_stage_are_those_of_the_package(model, data):
    accuracies = after_training.compare(model, data)
    train = tuple(data.train)
    for name, made in (
        (RETRAINED, retrain_head(model, train, verbose=0)),
        (RETRAINED_ALIGNED, retrain_head(model, train, spa.SpASLERP(), verbose=0)),
        (SCALED, scale_head(model, train, verbose=0)),
    ):
        logits = made.predict(data.test.images, verbose=0)
        right = logits.argmax(axis=1) == data.test.labels
        assert accuracies[name]["all"] == pytest.approx(100 * right.mean())


def test_cosine_classifiers_are_compared_as_their_loss_scales_them(model, data):
    """LDAM's bare cosines times 30, those of BCL as they are."""
    scaled = spa.SpAModel(model.backbone, spa.layers.CosineDense(3, scale=20))
    same = after_training.with_bias(scaled).predict(data.test.images, verbose=0)
    logits = scaled.predict(data.test.images, verbose=0)
    np.testing.assert_allclose(same, logits, atol=1e-4)
    assert after_training.with_bias(model) is model
    cosine = spa.SpAModel(model.backbone, spa.layers.CosineDense(3, scale=1))
    logits = cosine.predict(data.test.images, verbose=0)
    accuracies = after_training.compare(after_training.with_bias(cosine), data)
    assert {ALIGNED, FITTED, RETRAINED} <= set(accuracies)
    right = logits.argmax(axis=1) == data.test.labels
    assert accuracies[UNTOUCHED]["all"] == pytest.approx(100 * right.mean())
    adjusted = 30 * logits - np.log(data.class_counts / data.class_counts.sum())
    right = adjusted.argmax(axis=1) == data.test.labels
    assert accuracies[ADJUSTED]["all"] == pytest.approx(100 * right.mean())


def test_validation_images_that_want_no_change_get_none(model, data):
    images = 5 * np.random.RandomState(3).randn(200, 4).astype("float32")
    decided = model.predict(images, verbose=0).argmax(axis=1).astype("int32")
    assert set(decided) == {0, 1, 2}
    content = spa.data.Split(images, decided)
    splits = data.train, content, data.test
    other = spa.data.LongTailedData("content", *splits, class_names=tuple("abc"))
    accuracies = after_training.compare(model, other)
    chosen, untouched = accuracies["logit adjustment, chosen"], accuracies[UNTOUCHED]
    assert chosen == pytest.approx(untouched)


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
    monkeypatch.setattr(after_training, "compare", lambda *_: {UNTOUCHED: one})
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
    runs.append({"method": "glmc", "seed": 1, "environment": "newer"})
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
    for content in ({}, {"flags": {}}, newer | {"runs": [{}]}, newer | {"runs": 3}):
        storage.write_result(tmp_path / "results.json", content)
        with pytest.raises(ValueError, match="results.json holds no comparison"):
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
    for field, value in (("max_count", 500), ("augment", "crop_flip"), ("epochs", 7)):
        other = dataclasses.replace(config, **{field: value})
        with pytest.raises(ValueError, match=f"--{field}=.*, not with {value}: give"):
            posthoc.exported_models(str(tmp_path), other)
