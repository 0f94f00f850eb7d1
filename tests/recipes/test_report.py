import json

import numpy as np
import pytest

from engine import storage
from reporting import summary


def result(method, alignment, seed, accuracy, few=None):
    return {
        "method": method,
        "alignment": alignment,
        "seed": seed,
        "accuracy": {"all": accuracy, "many": 90.0, "medium": 50.0, "few": few},
        "train_accuracy": 100.0,
        "cosine": 0.5,
        "cosine_per_class": [0.6, 0.4],
        "class_counts": [200, 4],
    }


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_table_gives_mean_deviation_and_paired_gain():
    runs = [
        result("ce", "none", 0, 60.0),
        result("ce", "none", 1, 70.0),
        result("ce", "spa_reg", 0, 63.0),
        result("ce", "spa_reg", 1, 72.0),
    ]
    lines = summary.table(runs).splitlines()
    assert cells(lines[0])[:2] == ["method", "alignment"]
    spread = np.std([60, 70], ddof=1)
    assert cells(lines[2])[2] == f"65.0 ± {spread:.1f}"
    assert cells(lines[2])[5:7] == ["-", "-"]  # no few-shot class, no gain of itself
    assert cells(lines[3])[2] == "67.5 ± 6.4"
    assert cells(lines[3])[6] == "+2.5 ± 0.7"  # of +3 and +2, not of unpaired means


def test_table_of_one_seed_has_no_deviation():
    line = summary.table([result("ce", "none", 0, 61.24, few=3.0)]).splitlines()[2]
    assert cells(line)[2:6] == ["61.2", "90.0", "50.0", "3.0"]


def test_picture_is_a_png(tmp_path):
    runs = [result("ce", a, s, 60.0 + s) for a in ("none", "spa_reg") for s in (0, 1)]
    summary.picture(runs, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    storage.write_result(path, {"accuracy": 1.5})
    with pytest.raises(ValueError, match="Out of range float"):
        storage.write_result(path, {"accuracy": float("nan")})
    with pytest.raises(TypeError):
        storage.write_atomically(path, ["not", "bytes"])
    assert json.loads(path.read_text()) == {"accuracy": 1.5}
    assert list(tmp_path.iterdir()) == [path]
