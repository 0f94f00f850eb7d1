"""Generated documents are what flagfiles and result files give, byte for byte."""

import dataclasses
import json
import re

import pytest

from engine import storage
from reporting import (
    benchmark_page,
    documents,
    numbers,
    results_page,
    rows,
    summary,
)

DIGITS = rows.SECTIONS[0]
FLAGFILE = rows.FLAGFILES / "digits_lt" / "ce.flags"


def test_documents_are_what_the_result_files_give():
    pages = documents.pages()
    names = {path.relative_to(rows.ROOT).as_posix() for path in pages}
    assert {"README.md", "recipes/README.md", "docs/experiments.md"} <= names
    assert "benchmarks/README.md" in names
    stale = [path for path, text in pages.items() if path.read_bytes() != text.encode()]
    assert not stale, "python recipes/table.py"


def test_regenerate_mends_what_stands_between_markers(tmp_path, monkeypatch):
    pages = {tmp_path / "a.md": "as it is", tmp_path / "b.md": "as it should be"}
    (tmp_path / "a.md").write_text("as it is")
    (tmp_path / "b.md").write_text("as it was")
    monkeypatch.setattr(documents, "pages", lambda: pages)
    assert documents.regenerate() == [tmp_path / "b.md"]
    assert (tmp_path / "b.md").read_text() == "as it should be"


def test_markers_hold_tables_and_numbers():
    text = (
        "<!-- table: recipes/results/digits_lt -->\nold\n<!-- end of table -->\n"
        "It is <!-- number: digits_lt / images -->7<!-- end --> images, "
        "<!-- number: digits_lt / ce + spa_reg / gain -->7<!-- end -->."
    )
    fresh = documents.refresh(text)
    assert "-->287<!-- end --> images" in fresh
    assert "| cross-entropy    | SpA-Reg" in fresh
    assert "old" not in fresh
    assert documents.refresh(fresh) == fresh
    assert re.search(
        r"gain -->[+-]\d\.\d \[[+-]\d\.\d, [+-]\d\.\d\]<!-- end -->", fresh
    )


@pytest.mark.parametrize(
    "text",
    [
        "<!-- number: digits_lt / images -->7",
        "<!-- number: gains / images --><!-- number: gains / runs -->7<!-- end -->",
        "<!-- table: gains -->\n",
        "<!-- table: gains --><!-- end of table -->",
    ],
)
def test_markers_without_their_end_are_refused(text):
    with pytest.raises(ValueError, match="needs its"):
        documents.refresh(text)


@pytest.mark.parametrize(
    "expression",
    [
        "digits_lt",
        "digits_lt / size",
        "digits_lt / ce / size",
        "digits_lt / ce / gain",  # over itself
        "digits_lt / ldam_drw / all",  # not run
        "digits / ce / all",
        "cifar10_lt_small / ce / all",  # at which imbalance factor?
        "cifar10_lt_small@7 / ce / all",
        "cifar10_lt_small_posthoc / ce + magic / all",
        "cifar10_lt_small_posthoc / etf_dr / all",
    ],
)
def test_numbers_that_are_not_known_are_refused(expression):
    with pytest.raises(ValueError, match=re.escape(expression.split(" ")[0])):
        numbers.number(expression)


def test_a_benchmark_is_its_tables_and_where_they_were_measured(tmp_path):
    measured = {
        "benchmark": "losses",
        "arguments": ["--rounds=3"],
        "date": "2026-11-29T04:00:00+00:00",
        "environment": {
            "python": "3.11.7",
            "keras": "3.15.1",
            "jax": "0.10.2",
            "commit": "abc",
            "hardware": "a machine, 2 cores",
        },
        "note": "It was busy.",
        "tables": [[["loss", "ms"], ["LDAM", "2"]], [["slope"], ["1.0"]]],
        "results": {},
    }
    path = tmp_path / "losses.json"
    path.write_text(json.dumps(measured))
    assert benchmark_page.table(path) == (
        "| loss | ms |\n|------|----|\n| LDAM | 2  |\n\n"
        "| slope |\n|-------|\n| 1.0   |\n\n"
        "Commit abc, 2026-11-29, a machine, 2 cores, keras 3.15.1, jax 0.10.2; "
        "`python benchmarks/losses.py --rounds=3`. It was busy.\n"
    )
    del measured["tables"]
    path.write_text(json.dumps(measured))
    with pytest.raises(ValueError, match="losses.json"):
        benchmark_page.table(path)
    with pytest.raises(ValueError, match="nothing.json"):
        numbers.table("benchmarks/results/nothing.json")


def test_tables_that_are_not_known_are_refused():
    for name in ("recipes/results/nothing", "docs/results/digits_lt", "losses"):
        with pytest.raises(ValueError, match=name):
            numbers.table(name)


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        ("digits_lt / ce / all", r"\d\d\.\d ± \d\.\d"),
        ("digits_lt / ce / all mean", r"\d\d\.\d"),
        ("digits_lt / ce + spa_reg / cosine", r"0\.\d\d ± 0\.\d\d"),
        ("digits_lt / ce / efficiency mean", r"0\.\d\d"),
        ("digits_lt / ce + misaligned / gain mean", r"-\d\.\d"),
        ("digits_lt / correlation by class", r"-0\.\d\d"),
        ("cifar10_lt_small@200 / ce / all", r"\d\d\.\d"),
        ("cifar10_lt_small_posthoc / ce / all mean", r"\d\d\.\d"),
        (
            "cifar100_lt_small_posthoc / ce + head retrained, SpA-SLERP / gain",
            r"[+-]\d\.\d \[.*\]",
        ),
    ],
)
def test_numbers_by_name(expression, pattern):
    assert re.fullmatch(pattern, numbers.number(expression))


def test_a_number_is_that_of_its_files():
    paths = (rows.RESULTS / "digits_lt" / "runs").glob("ce-none-*.json")
    runs = [json.loads(path.read_text()) for path in paths]
    mean = sum(run["accuracy"]["many"] for run in runs) / len(runs)
    assert numbers.number("digits_lt / ce / many mean") == f"{mean:.1f}"
    assert numbers.number("digits_lt / seeds") == str(len(runs))


def test_published_figure_is_that_of_the_imbalance_factor():
    text = "# Published: 38.4 at IF 100, 55.7 at IF 10 (somebody)\n"
    assert rows.published_figure(text, 100) == "38.4"
    assert rows.published_figure(text, 10) == "55.7"
    assert rows.published_figure(text, 50) is None
    assert rows.published_figure("# Published: 45.3 (somebody)\n", 256) == "45.3"
    assert rows.published_figure("# Published: none\n", 100) is None


def test_a_section_has_one_command(tmp_path):
    paths = [tmp_path / "a.flags", tmp_path / "b.flags"]
    for path in paths:
        path.write_text(
            f"# Command: run --flagfile=x/{path.name} --imbalance_factor=100\n"
        )
    template = "run --flagfile=x/ROW.flags --imbalance_factor=IF"
    assert rows.command_template(paths, (100, 10)) == template
    paths[0].write_text("# Command: run --flagfile=x/a.flags\n")
    assert rows.command_template(paths[:1], (100, 10)) == template
    assert rows.command_template(paths[:1], (100,)) == "run --flagfile=x/ROW.flags"
    with pytest.raises(ValueError, match="one command"):
        rows.command_template(paths, (100, 10))


def test_a_result_of_other_settings_is_refused(tmp_path):
    config = rows.read_flagfile(FLAGFILE, DIGITS)
    runs = tmp_path / "runs"
    runs.mkdir()
    path = runs / "ce-none-if50-seed0.json"
    result = dict.fromkeys(storage.NEEDED)
    result |= {"method": "ce", "alignment": "none", "seed": 0}
    stored = json.loads(json.dumps(config.identity()))
    for learning_rate, data in ((0.3, None), (0.1, "npz:elsewhere")):
        flags = {**stored, "learning_rate": learning_rate, "data": data}
        path.write_text(json.dumps({**result, "flags": flags}))
        if data is None:
            with pytest.raises(ValueError, match="--learning_rate=0.3; ce.flags has 0"):
                rows.load_runs(tmp_path, "ce.flags", config)
        else:  # the same images from another place
            assert len(rows.load_runs(tmp_path, "ce.flags", config)) == 1
    other = dataclasses.replace(config, imbalance_factor=20.0)
    assert rows.load_runs(tmp_path, "ce.flags", other) == ()


def test_an_overview_leaves_out_rows_whose_baseline_nobody_has_run(monkeypatch):
    aligned = [run for run in numbers.load("digits_lt") if run["alignment"] != "none"]
    monkeypatch.setattr(numbers, "_load_all", lambda folder: tuple(aligned))
    assert len(numbers.table("gains").splitlines()) == 2  # header and rule


def test_rows_are_of_images_from_one_place(monkeypatch, tmp_path):
    """A gain between two would be theirs."""
    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    result = dict.fromkeys(storage.NEEDED)
    places = (None, "npz:a.npz", "npz:/there/a.npz")
    for seed, data in enumerate(places):
        config = rows.read_flagfile(FLAGFILE, DIGITS)
        flags = config.identity() | {"data": data}
        run = {"method": "ce", "alignment": "none", "seed": seed, "flags": flags}
        path = tmp_path / "digits_lt" / "runs" / f"ce-none-if50-seed{seed}.json"
        storage.write_result(path, result | run)
        if data is None:
            assert len(rows.load_rows(DIGITS)[0].summary.runs) == 1
            first = path
    with pytest.raises(ValueError, match="digits_lt at imbalance factor 50 .* origins"):
        rows.load_rows(DIGITS)
    first.unlink()  # the other two are one archive in two folders
    assert len(rows.load_rows(DIGITS)[0].summary.runs) == 2


def test_an_overview_leaves_out_gains_of_few_seeds(monkeypatch):
    runs = [
        run
        for run in numbers.load("digits_lt")
        if run["alignment"] == "none"
        or run["seed"] == numbers.load("digits_lt")[0]["seed"]
    ]
    monkeypatch.setattr(numbers, "_load_all", lambda folder: tuple(runs))
    *_, row = numbers.table("gains").splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert "±" in cells[2]
    assert set(cells[3:]) == {"-"}


def test_a_page_says_where_each_run_was_measured():
    there = {"backend": "jax", "jax": "1", "keras": "3", "hardware": "one core"}
    here, elsewhere = (there | {"commit": name} for name in ("abc", "def"))
    first = [{"seed": 0, "environment": here}, {"seed": 1, "environment": here}]
    first[1]["environment"] = here | {"numpy": "2"}  # the page does not tell them apart
    first[1]["begun_in"] = [here]
    again = {"seed": 0, "environment": here, "begun_in": [elsewhere]}
    both = [
        rows.Row(FLAGFILE, 50, summary.Summary("ce", alignment, tuple(runs), ()))
        for alignment, runs in (("none", first), ("spa_reg", [again]))
    ]
    place = "one core, jax 1, Keras 3, commit"
    assert results_page.measured_on(both[:1]) == f"Measured on {place} abc.\n"
    assert results_page.measured_on(both) == (
        "Measured on\n\n"
        f"- {place} abc: cross-entropy, seeds 0, 1; cross-entropy + SpA-Reg, seeds 0.\n"
        f"- {place} def: cross-entropy + SpA-Reg, seeds 0.\n"
    )
