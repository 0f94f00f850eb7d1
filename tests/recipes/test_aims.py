"""The table of aims: what is missed is in bold type."""

import json

import pytest

from reporting import aims, numbers
from reporting.posthoc_page import (
    ADJUSTED,
    ADJUSTED_FIT,
    ADJUSTED_FIT_OF_TEN,
    ALIGNED,
    FITTED,
    FITTED_OF_TEN,
    UNTOUCHED,
)


def rows(tmp_path, *runs, folder="digits_lt_posthoc"):
    """Cells after the names, of models of a method with accuracies by method after."""
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    runs = [
        {
            "method": method,
            "seed": seed,
            "accuracy": {name: {"all": value} for name, value in done.items()},
        }
        for seed, (method, done) in enumerate(runs)
    ]
    (tmp_path / folder / "results.json").write_text(json.dumps({"runs": runs}))
    lines = aims.table(tmp_path).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")][2:] for line in lines]


def test_what_is_met_is_plain(tmp_path):
    done = {UNTOUCHED: 50.0, ADJUSTED: 53.0, ALIGNED: 54.0, FITTED: 55.0}
    done |= {ADJUSTED_FIT: 55.0, FITTED_OF_TEN: 54.5, ADJUSTED_FIT_OF_TEN: 54.0}
    other = {name: value + 0.5 for name, value in done.items()}
    assert rows(tmp_path, ("ce", done), ("ce", other)) == [
        [
            *("+4.0 [+4.0, +4.0]", "+1.0 [+1.0, +1.0]"),
            *("+0.0 [+0.0, +0.0]", "+0.5 [+0.5, +0.5]"),
        ]
    ]


def test_what_is_missed_is_bold(tmp_path):
    before = {UNTOUCHED: 50.0, ADJUSTED: 50.0, ADJUSTED_FIT: 50.2}
    one, two = before | {ALIGNED: 50.3}, before | {ALIGNED: 50.1, FITTED: 50.0}
    assert rows(tmp_path, ("ce", one), ("ce", two)) == [
        ["**+0.2 [-1.1, +1.5]**", "**+0.2 [-1.1, +1.5]**", "**-0.2**", "-"]
    ]


@pytest.mark.parametrize(("gain", "met"), [(-0.25, True), (-0.35, False)])
def test_other_losses_may_lose_a_little_and_have_no_prior(gain, met, tmp_path):
    done = {UNTOUCHED: 50.0, ADJUSTED: 40.0, ALIGNED: 50.0 + gain}
    (cells,) = rows(tmp_path, ("balanced_softmax", done))
    assert ("*" not in cells[0]) == met
    assert cells[1:] == ["-", "-", "-"]


def test_comparisons_without_align_have_no_row(tmp_path):
    assert rows(tmp_path, ("ce", {UNTOUCHED: 50.0})) == []


def test_a_number_may_be_the_gain_over_another_method(tmp_path, monkeypatch):
    done = {UNTOUCHED: 50.0, ADJUSTED: 53.0, ALIGNED: 54.0}
    rows(tmp_path, ("ce", done))
    monkeypatch.setattr(numbers, "RESULTS", tmp_path)
    asked = "digits_lt_posthoc / ce + spa.align / gain"
    assert numbers.number(asked) == "+4.0"
    assert numbers.number(f"{asked} over logit adjustment, τ = 1") == "+1.0"
    assert numbers.number(f"{asked} over logit adjustment, τ = 1 mean") == "+1.0"
    with pytest.raises(ValueError, match="No such number"):
        numbers.number(f"{asked} over nothing")
