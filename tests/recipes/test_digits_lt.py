import json
import pathlib
import subprocess
import sys

import digits_lt
import numpy as np
import pytest

RECIPE = pathlib.Path(digits_lt.__file__)


def run(*arguments):
    command = [sys.executable, str(RECIPE), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    output = tmp_path_factory.mktemp("digits_lt")
    done = run("--smoke", f"--output_dir={output}")
    assert done.returncode == 0, done.stderr
    return output, done.stdout


def test_smoke_leaves_table_picture_and_a_result_file_a_run(smoke):
    output, printed = smoke
    table = (output / "table.md").read_text()
    assert table in printed
    assert len(table.splitlines()) == 2 + 9
    assert (output / "digits_lt.png").read_bytes().startswith(b"\x89PNG")
    names = {path.name for path in (output / "runs").iterdir()}
    assert len(names) == 9
    assert "ce-misaligned-seed0.json" in names
    assert "balanced_softmax-misaligned-seed0.json" not in names
    assert "[ 9/9]" in printed


def test_result_file_tells_how_it_came_about(smoke):
    output, _ = smoke
    result = json.loads((output / "runs" / "ce-spa_reg-seed0.json").read_text())
    assert result["alignment_config"].startswith("SpAReg(strength=")
    assert result["class_counts"][0] == 104
    assert result["flags"]["imbalance_factor"] == 50
    assert len(result["accuracy"]["per_class"]) == 10
    assert result["cosine"] == pytest.approx(np.mean(result["cosine_per_class"]))
    assert len(result["history"]["alignment"]) == 1
    assert {"keras", "backend", "commit", "hardware"} <= set(result["environment"])
    assert result["images_per_s"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method=focal"], "method"),
        (["--alignment=spa_reg,nothing"], "alignment"),
        (["--method=etf_dr", "--alignment=spa_slerp"], "cannot move the fixed head"),
        (["--seeds=0,0"], "seeds"),
        (["--imbalance_factor=0.5"], "imbalance_factor"),
    ],
)
def test_wrong_flags_are_named(arguments, message):
    done = run(*arguments)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_the_parts_of_the_data_never_overlap():
    (train, y_train), (test, y_test), counts = digits_lt.load_digits(50, 3, "test")
    _, (validation, y_validation), _ = digits_lt.load_digits(50, 3, "validation")
    assert np.bincount(y_test).tolist() == [50] * 10
    assert np.bincount(y_validation).tolist() == [20] * 10
    assert np.bincount(y_train).tolist() == counts
    parts = [{image.tobytes() for image in part} for part in (train, test, validation)]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_seeds_draw_other_images_for_training_but_not_for_testing():
    (first, _), (test, _), _ = digits_lt.load_digits(50, 0, "test")
    (second, _), (same_test, _), _ = digits_lt.load_digits(50, 1, "test")
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(test, same_test)
