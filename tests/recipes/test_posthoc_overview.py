"""The overview of comparisons after training."""

import json

import pytest

from reporting import numbers, posthoc_overview
from reporting.posthoc_page import ADJUSTED, ALIGNED, UNTOUCHED
from reporting.rows import RESULTS


@pytest.fixture
def results(tmp_path):
    """Models of one section, aligned in training or not; one older than `align`."""

    def write(folder, runs, **stated):
        (tmp_path / folder).mkdir()
        runs = [
            {
                "method": method,
                "seed": seed,
                "accuracy": {name: {"all": value} for name, value in done.items()},
            }
            for method, seed, done in runs
        ]
        written = json.dumps({"runs": runs, **stated})
        (tmp_path / folder / "results.json").write_text(written)

    first = {UNTOUCHED: 50.0, ADJUSTED: 53.0, ALIGNED: 54.0}
    second = {UNTOUCHED: 52.0, ADJUSTED: 55.0, ALIGNED: 58.0}
    write("digits_lt_posthoc", [("ce", 0, first), ("ce", 1, second)])
    one, two = ([("balanced_softmax", 0, done)] for done in (first, second))
    write("cifar10_lt_40_spa_reg_noise_posthoc", one, alignment="spa_reg_noise")
    write("cifar10_lt_40_spa_proj_noise_posthoc", two)
    write("cifar10_lt_40_posthoc", two, alignment="none")
    write("cifar10_lt_small_posthoc", [("ce", 0, {UNTOUCHED: 1.0, "SpA-SLERP": 2.0})])
    return tmp_path


def test_a_row_a_data_set_and_method_a_column_a_method_after_it(results):
    header, _, *rows = posthoc_overview.table(results).splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert header.count("spa.align") == 2
    title = "CIFAR-10-LT (re-encoded), 40 epochs"
    assert [row[:4] for row in cells] == [
        ["UCI digits, long-tailed", "cross-entropy", "2", "51.0 ± 1.4"],
        [title, "balanced softmax", "1", "52.0"],
        [title, "balanced softmax + SpA-Reg (noise)", "1", "50.0"],
        [title, "balanced softmax + SpA-Proj (noise)", "1", "52.0"],
    ]
    assert cells[0][4:] == ["+3.0 [+3.0, +3.0]", *"---", "+5.0 [-7.7, +17.7]", "-"]
    assert cells[2][4:] == ["+3.0", *"---", "+4.0", "-"]


def test_a_comparison_in_the_folder_of_another_alignment_is_refused(results):
    folder = results / "cifar10_lt_40_spa_reg_noise_posthoc"
    folder.rename(results / "cifar10_lt_40_spa_slerp_noise_posthoc")
    with pytest.raises(ValueError, match="slerp_noise_posthoc .* 'spa_reg_noise'"):
        posthoc_overview.table(results)


def test_every_comparison_is_of_a_section_and_an_alignment():
    known = {folder for *_, folder in posthoc_overview.comparisons(RESULTS)}
    assert known == set(RESULTS.glob("*_posthoc"))


def test_gains_in_the_metric_of_the_noise_leave_out_what_has_none():
    every, noise = (
        numbers.table(f"gains{end}") for end in ("", " in the metric of the noise")
    )
    assert "SpA-Reg (noise)" in noise
    assert "SpA-Reg  " not in noise
    for line in noise.splitlines()[2:]:
        assert any("[" in cell for cell in line.split("|")[4:])
        assert line.split("|")[1].strip() in every
    assert "10 epochs" in every
    assert "10 epochs" not in noise
