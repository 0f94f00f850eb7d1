import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import digits_lt
from engine.config import RunConfig
from engine.tasks import digits

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


@pytest.mark.process
def test_smoke_leaves_table_picture_and_a_result_file_a_run(smoke):
    output, printed = smoke
    table = (output / "table.md").read_text()
    assert table in printed
    assert len(table.splitlines()) == 2 + 9
    assert (output / "picture.png").read_bytes().startswith(b"\x89PNG")
    names = {path.name for path in (output / "runs").iterdir()}
    assert len(names) == 9
    assert "ce-misaligned-if50-seed0.json" in names
    assert "balanced_softmax-misaligned-if50-seed0.json" not in names
    assert "[ 9/9]" in printed


@pytest.mark.process
def test_result_file_tells_how_it_came_about(smoke):
    output, _ = smoke
    result = json.loads(
        (output / "runs" / "ce-spa_reg_noise-if50-seed0.json").read_text()
    )
    assert result["alignment_config"].startswith("SpAReg(strength=")
    assert result["class_counts"][0] == 104
    assert result["flags"]["imbalance_factor"] == 50
    assert len(result["accuracy"]["per_class"]) == 10
    assert result["cosine"] == pytest.approx(np.mean(result["cosine_per_class"]))
    measures = result["neural_collapse"]
    noise = np.mean(result["noise_cosine_per_class"])
    assert measures["noise_cosine"] == pytest.approx(noise)
    assert len(result["distance_per_class"]) == 10
    assert len(result["history"]["alignment"]) == 1
    assert {"keras", "backend", "commit", "hardware"} <= set(result["environment"])
    assert result["images_per_s"] > 0


def load(seed):
    return digits.load(RunConfig(seed=seed, imbalance_factor=50.0))


def test_the_parts_of_the_data_never_overlap():
    data = load(3)
    assert np.bincount(data.test.labels).tolist() == [50] * 10
    assert np.bincount(data.validation.labels).tolist() == [20] * 10
    assert data.class_counts[[0, 9]].tolist() == [104, 2]
    parts = [
        {image.tobytes() for image in split.images} for split in data.splits().values()
    ]
    assert len(parts) == 3
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]


def test_seeds_draw_other_images_for_training_but_not_for_testing():
    first, second = load(0), load(1)
    assert not np.array_equal(first.train.images, second.train.images)
    np.testing.assert_array_equal(first.test.images, second.test.images)
    np.testing.assert_array_equal(first.validation.images, second.validation.images)
