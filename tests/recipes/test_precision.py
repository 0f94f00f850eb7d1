"""Half precision ends at the accuracy of float32, on real digits.

A cheap version: 12 epochs on balanced digits, one seed. docs/distribution.md has the
numbers of the whole protocol.
"""

import pytest

from engine.command_line import parse
from engine.registry import RECIPES
from engine.run import run

pytestmark = pytest.mark.once


def train(precision, folder):
    task = RECIPES["digits_lt"]
    given = ["--method=ce", "--alignment=spa_reg", "--seed=2", "--epochs=12"]
    given += ["--imbalance_factor=1", f"--mixed_precision={precision}"]
    (config,) = parse(given, task).runs
    return run(config, task, folder)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    result = train("float32", tmp_path_factory.mktemp("float32") / "run")
    assert result["accuracy"]["all"] > 90
    return result


@pytest.mark.long
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_accuracy_is_within_a_point_of_float32(full, precision, tmp_path):
    result = train(precision, tmp_path / "run")
    assert abs(result["accuracy"]["all"] - full["accuracy"]["all"]) <= 1
    assert result["cosine"] == pytest.approx(full["cosine"], abs=0.03)
    assert result["history"]["loss"] != full["history"]["loss"]
