"""What foretells the gain: the models that are read, the ranks, the figures."""

import json
import re

import numpy as np
import pytest

from reporting import predictors
from reporting.figures import catalogue
from reporting.figures import predictors as figures
from reporting.posthoc_page import ALIGNED, UNTOUCHED

NAMES = [name for name in predictors.PREDICTORS if name != "epochs"]


def measured(value):
    more = {"plain optimum": 40 - value, "noise optimum": 50, "plain bound": 0.1}
    return {**dict.fromkeys(NAMES, value), **more}


@pytest.fixture
def results(tmp_path):
    """Three models of cross-entropy, two of balanced softmax, one of these aligned."""

    def write(folder, runs, epochs):
        (tmp_path / folder).mkdir()
        stored = {"runs": runs, "flags": {"epochs": epochs, "imbalance_factor": 50.0}}
        (tmp_path / folder / "results.json").write_text(json.dumps(stored))

    def run(method, seed, gain, value):
        accuracy = {UNTOUCHED: {"all": 60.0}, ALIGNED: {"all": 60.0 + gain}}
        shown = {"method": method, "seed": seed, "accuracy": accuracy}
        return {**shown, "measures": measured(value)}

    first = [run("ce", seed, 10 + seed, 2 + seed) for seed in range(3)]
    old = {**run("ce", 3, 99, 9), "measures": None}
    del old["measures"]
    refused = run("ldam_drw", 0, 0, 1)
    del refused["accuracy"][ALIGNED]
    balanced = run("balanced_softmax", 0, 5, 1)
    write("digits_lt_posthoc", [*first, balanced, old, refused], 60)
    aligned = run("balanced_softmax", 0, 1, 0.5)
    aligned["flags"] = {"epochs": 90, "imbalance_factor": 50.0}  # its own training's
    write("digits_lt_spa_proj_noise_posthoc", [aligned], 60)
    runs = tmp_path / "digits_lt" / "runs"
    runs.mkdir(parents=True)
    trained = {
        "method": "balanced_softmax",
        "alignment": "spa_slerp_noise",
        "seed": 0,
        "flags": {"imbalance_factor": 50.0},
        "accuracy": {"all": 67.5},
    }
    needed = dict.fromkeys(predictors.summary.storage.NEEDED, 0)
    (runs / "a.json").write_text(json.dumps({**needed, **trained}))
    return tmp_path


def test_models_with_measures_are_read_and_joined_with_aligned_training(results):
    models = predictors.load(results)
    assert [model.method for model in models] == [
        *["ce"] * 3,
        *["balanced_softmax"] * 2,
    ]
    assert [model.gain for model in models] == [10, 11, 12, 5, 1]
    assert [model.in_training for model in models] == [None, None, None, 7.5, None]
    assert [model.alignment for model in models] == ["none"] * 4 + ["spa_proj_noise"]
    assert [model.aligned for model in models] == [False] * 4 + [True]
    assert [model.measures["epochs"] for model in models] == [60, 60, 60, 60, 90]
    assert models[2].lost == 50 - (40 - 4)


def test_ranks_are_of_the_models_that_have_the_gain(results):
    header, _, *rows = predictors.table(results).splitlines()
    cells = {
        row.strip("|").split("|")[0].strip(): row.strip("|").split("|") for row in rows
    }
    assert "all models (5)" in header
    assert "cross-entropy (3)" in header
    assert "in training (1)" in header
    for name in NAMES:
        ranks = [cell.strip() for cell in cells[predictors.PREDICTORS[name]][1:]]
        assert ranks == ["+1.00", "-", "-", "-"]  # gains rise with the values
    epochs = cells["epochs of training"]
    assert epochs[2].strip() == "-"  # all the same
    assert epochs[1].strip() == "-0.71"  # 90 of one that gained least


def test_optima_are_means_over_the_models_of_a_row(results):
    _, _, *rows = predictors.optima_table(results).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells[0][1:6] == [
        *("cross-entropy", "3", "60.0 ± 0.0"),
        *("37.0 ± 1.0", "50.0 ± 0.0"),
    ]
    assert [row[1] for row in cells[1:]] == [
        "balanced softmax",
        "balanced softmax + SpA-Proj (noise)",
    ]


def test_figures_show_each_model(results):
    models = predictors.load(results)
    figure, caption = figures.draw(models)
    assert "5 trained models" in caption
    panels = figure.axes
    assert len(panels) == len(figures.PANELS)
    for axes, name in zip(panels, figures.PANELS, strict=True):
        points = [
            line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1
        ]
        wanted = [(model.measures[name], model.gain) for model in models]
        np.testing.assert_allclose(points, wanted)
    figure, _ = figures.draw_plain_loss(models)
    points = [
        line.get_xydata()[0]
        for line in figure.axes[1].lines
        if len(line.get_xdata()) == 1
    ]
    np.testing.assert_allclose(points, [(0.1, model.lost) for model in models])


@pytest.mark.parametrize("largest", [60, 6000])
def test_ticks_are_plain_numbers(results, largest):
    """On one value, on a narrow range and on a log scale."""
    models = predictors.load(results)
    models[0] = models[0]._replace(measures={**models[0].measures, "nc1": largest})
    figure, _ = figures.draw(models)
    figure.draw_without_rendering()
    for axes in figure.axes:
        shown = [text.get_text() for text in axes.get_xticklabels()]
        assert shown
        assert all(re.fullmatch(r"-?[\d.e+-]{0,7}", text) for text in shown)


def test_figures_say_what_to_run(results, tmp_path):
    with pytest.raises(catalogue.Missing, match="run posthoc.py"):
        catalogue.draw_runs("predictors", tmp_path / "none" / "at_all", [])
    figure, _ = catalogue.draw_runs("plain-loss", results / "digits_lt", [])
    assert figure.axes


def test_each_data_set_of_the_stored_models_has_a_color_of_its_own():
    titles = {model.data for model in predictors.load()}
    assert len(titles) <= len(set(figures.HUES)) == len(figures.HUES)


def test_more_data_sets_than_colors_are_refused(monkeypatch):
    monkeypatch.setattr(figures, "HUES", figures.HUES[:2])
    with pytest.raises(ValueError, match="data sets have 2 colors: add to HUES"):
        figures.draw(predictors.load())


def test_each_method_of_the_stored_models_has_a_marker_of_its_own():
    """Before, LDAM-DRW looked like GLMC."""
    models = predictors.load()
    points = figures.draw(models)[0].axes[0].get_lines()
    markers = {
        one.method: point.get_marker()
        for one, point in zip(models, points, strict=False)
    }
    assert len(markers) == len(set(markers.values())) > 3
