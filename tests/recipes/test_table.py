import json
import shutil

import pytest

import table


def test_readme_is_what_the_result_files_give(tmp_path, monkeypatch):
    written = (table.HERE / "README.md").read_bytes()
    copy = tmp_path / "recipes"
    for name in ("flagfiles", "results"):
        shutil.copytree(table.HERE / name, copy / name)
    monkeypatch.setattr(table, "HERE", copy)
    monkeypatch.chdir(tmp_path)
    table.main(None)
    assert (copy / "README.md").read_bytes() == written


def test_interval_is_students():
    assert table.interval([]) == "-"
    assert table.interval([1.0]) == "+1.0"
    # scipy.stats.t.interval(0.95, 2, 2.0, 1 / sqrt(3))
    assert table.interval([1.0, 2.0, 3.0]) == "+2.0 [-0.5, +4.5]"


def test_published_figure_is_that_of_the_imbalance_factor():
    text = "# Published: 38.4 at IF 100, 55.7 at IF 10 (somebody)\n"
    assert table.published(text, 100) == "38.4"
    assert table.published(text, 10) == "55.7"
    assert table.published(text, 50) == "-"
    assert table.published("# Published: 45.3 (somebody)\n", 256) == "45.3"
    assert table.published("# Published: none\n", 100) == "-"


def test_a_result_of_other_settings_is_refused(tmp_path, monkeypatch):
    about = table.SECTIONS["digits_lt"]
    wanted = table.settings_of(
        table.HERE / "flagfiles" / "digits_lt" / "ce.flags", about[1].TASK
    )
    runs = tmp_path / "results" / "digits_lt" / "runs"
    runs.mkdir(parents=True)
    names = {"method": "ce", "alignment": "none", "seed": 0}
    flags = {**wanted, "learning_rate": 0.3}
    path = runs / "ce-none-if50-seed0.json"
    path.write_text(json.dumps({**names, "flags": flags}))
    flagfile = table.HERE / "flagfiles" / "digits_lt" / "ce.flags"
    monkeypatch.setattr(table, "HERE", tmp_path)
    with pytest.raises(ValueError, match="--learning_rate=0.3; ce.flags has 0.1"):
        table.load("digits_lt", flagfile, wanted, 50)
    path.write_text(json.dumps({**names, "flags": wanted}))
    assert len(table.load("digits_lt", flagfile, wanted, 50)) == 1
