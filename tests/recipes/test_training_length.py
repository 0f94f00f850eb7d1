"""Accuracy by length of training: what is paired with what, and its picture."""

import json

import numpy as np
import pytest

from engine import storage
from reporting import training_length
from reporting.figures import catalogue


@pytest.fixture
def results(tmp_path):
    def write(folder, alignment, accuracies, method="balanced_softmax"):
        runs = tmp_path / folder / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        for seed, accuracy in enumerate(accuracies):
            result = dict.fromkeys(storage.NEEDED, 0) | {
                "method": method,
                "alignment": alignment,
                "seed": seed,
                "accuracy": {"all": accuracy},
                "flags": {},
            }
            path = runs / f"{method}-{alignment}-{seed}.json"
            path.write_text(json.dumps(result))

    write("cifar10_lt_20", "none", [50.0, 52.0])
    write("cifar10_lt_20", "spa_slerp_noise", [55.0, 57.0, 90.0])
    write("cifar10_lt_20", "spa_reg_noise", [99.0])
    write("cifar10_lt_20", "none", [99.0], method="ce")
    write("cifar10_lt_40", "none", [58.0])
    write("cifar10_lt_90", "none", [60.0, 61.0])
    write("cifar100_lt_40", "spa_slerp_noise", [30.0])
    write("cifar100_lt_90", "none", [], method="ce")
    write("cifar10_lt_short", "none", [40.0])  # other settings differ, too
    return tmp_path


def test_gains_are_paired_with_the_same_and_the_next_longer_training(results):
    _, _, *rows = training_length.table(results).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        [
            *("CIFAR-10-LT (re-encoded)", "20", "51.0 ± 1.4", "67.3 ± 19.7"),
            *("+5.0 [+5.0, +5.0]", "-3.0 (40)"),
        ],
        ["CIFAR-10-LT (re-encoded)", "40", "58.0", "-", "-", "-"],
        ["CIFAR-10-LT (re-encoded)", "90", "60.5 ± 0.7", "-", "-", "-"],
        ["CIFAR-100-LT", "40", "-", "30.0", "-", "-"],
    ]


def test_the_figure_shows_the_means(results):
    figure, caption = catalogue.draw_runs("training-length", results / "any", [])
    first, second = figure.axes
    drawn = [bars.lines[0].get_xydata() for bars in first.containers]
    np.testing.assert_allclose(drawn[0], [(20, 51), (40, 58), (90, 60.5)])
    np.testing.assert_allclose(drawn[1], [(20, np.mean([55, 57, 90]))])
    np.testing.assert_allclose(second.containers[1].lines[0].get_xydata(), [(40, 30)])
    assert "of 1 to 3 seeds" in caption


def test_without_runs_the_figure_says_what_to_run(tmp_path):
    with pytest.raises(catalogue.Missing, match=r"grid\.py"):
        catalogue.draw_runs("training-length", tmp_path / "any", [])
