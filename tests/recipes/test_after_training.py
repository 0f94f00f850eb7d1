"""The figure of what is gained after training."""

import json

import numpy as np
import pytest

import figures
from reporting.figures import catalogue


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(catalogue, "RESOLUTION", 40)


def compared(gain):
    return {"untouched": {"all": 60.0}, "spa.align": {"all": 60.0 + gain}}


def test_gains_after_training_are_drawn_of_all_comparisons(tmp_path):
    for folder, gains in (("digits_lt", (1.0, 3.0)), ("cifar10_lt_40", (-2.0, -2.0))):
        (tmp_path / f"{folder}_posthoc").mkdir()
        runs = [
            {"method": "ce", "seed": seed, "accuracy": compared(gain)}
            for seed, gain in enumerate(gains)
        ]
        path = tmp_path / f"{folder}_posthoc" / "results.json"
        path.write_text(json.dumps({"runs": runs}))
    old = [{"method": "ce", "seed": 0, "accuracy": {"untouched": {"all": 50.0}}}]
    (tmp_path / "cifar10_lt_small_posthoc").mkdir()  # without `spa.align`: left out
    path = tmp_path / "cifar10_lt_small_posthoc" / "results.json"
    path.write_text(json.dumps({"runs": old}))
    arguments = [
        f"--results={tmp_path / 'a'},{tmp_path / 'b'}",
        f"--output_dir={tmp_path}",
    ]
    assert figures.main(["--figure=after-training", *arguments]) == 0
    assert (tmp_path / "figure_after-training.png").exists()
    figure, caption = catalogue.draw_after_training(tmp_path / "a")
    (axes,) = figure.axes
    rows = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert rows == ["UCI digits, long-tailed", "CIFAR-10-LT (re-encoded), 40 epochs"]
    (drawn,) = axes.containers
    means = np.asarray(drawn.lines[0].get_xdata(), float)
    np.testing.assert_allclose(means, [2.0, -2.0])
    assert drawn.get_label() == "spa.align"
    assert "of 2 seeds" in caption


def test_a_training_that_some_data_sets_lack_counts_no_seeds_there(tmp_path):
    """Before: "of 0 to 4 seeds"."""
    for folder, methods in (("digits_lt", "ce"), ("cifar10_lt_40", "ldam_drw")):
        place = tmp_path / f"{folder}_posthoc" / "results.json"
        place.parent.mkdir()
        seeds = range(3 + (methods == "ce"))
        runs = [
            {"method": methods, "seed": seed, "accuracy": compared(1.0)}
            for seed in seeds
        ]
        place.write_text(json.dumps({"runs": runs}))
    figure, caption = catalogue.draw_after_training(tmp_path / "a")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "after cross-entropy",
        "after LDAM-DRW",
    ]
    assert "of 3 to 4 seeds" in caption


def test_gains_after_training_need_a_comparison(tmp_path):
    with pytest.raises(catalogue.Missing, match=r"posthoc\.py"):
        catalogue.draw_after_training(tmp_path / "runs")


def test_single_models_are_left_out_beside_three(tmp_path):
    """GLMC of one seed is no panel of the figure of balanced softmax."""
    for folder, method, seeds in (
        ("digits_lt", "ce", 3),
        ("digits_lt", "glmc", 2),
        ("cifar10_lt_views", "glmc", 1),
    ):
        place = tmp_path / f"{folder}_posthoc" / "results.json"
        place.parent.mkdir(exist_ok=True)
        runs = json.loads(place.read_text())["runs"] if place.exists() else []
        for seed in range(seeds):
            run = {"method": method, "seed": seed, "accuracy": compared(1.0)}
            runs.append(run)
        place.write_text(json.dumps({"runs": runs}))
    figure, caption = catalogue.draw_after_training(tmp_path / "a")
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "after cross-entropy"
    assert len(axes.get_yticklabels()) == 1
    assert "of 3 seeds" in caption
