"""The report that `diagnose` gives: its verdict, tables, JSON and pictures."""

import json
import re

import keras
import numpy as np
import pytest

import keras_spa as spa


def test_the_verdict_follows_cosines_and_counts():
    values = {"images": [9] * 3, "dimension": 2, "accuracy": 0.5, "notes": []}
    values |= {"class_names": list("abc"), "accuracy_per_class": [0.5] * 3}
    values |= {"exponent_per_class": [1.0] * 3, "class_counts": [1, 50, 500]}

    def verdict(cosines, efficiency=0.25):
        metrics = {"nc3_cosine": np.mean(cosines), "exponent_efficiency": efficiency}
        report = spa.CollapseReport(**values, cosine_per_class=cosines, metrics=metrics)
        assert str(report) == report.verdict
        return report.verdict

    assert verdict([1.0, 1, 1]).startswith("Aligned: mean cosine 1.00")
    assert verdict([0.9, 0.9, 0.9]).startswith("Nearly aligned: ")
    text = verdict([0.2, 0.7, 0.9])  # class 0 is the rarest
    assert text.startswith("Misaligned, most in the tail: mean cosine 0.60")
    assert "(0.90 for the most frequent third of the classes, 0.20 for" in text
    assert "uses 25 % of" in text
    assert verdict([0.9, 0.7, 0.2]).startswith("Misaligned: ")
    assert "uses" not in verdict([0.2, 0.7, 0.9], efficiency=float("nan"))
    values["exponent_per_class"] = [0.0, 0.0, 1.0]
    assert "even the mean feature of 2 of 3 classes" in verdict([0.2, 0.7, 0.9], 0.0)


@pytest.fixture(scope="module")
def reports():
    """Of few classes, and of many with all shots."""
    reports = []
    for K in (4, 60):
        random = np.random.RandomState(K)
        labels = np.arange(5 * K) % K
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(K)])
        images = random.randn(5 * K, 8).astype("float32")
        counts = spa.data.long_tail_counts(K, 300, 100)
        names = [f"the $class$ | {c}" for c in range(K)]
        reports.append(spa.diagnose(model, (images, labels), counts, names, verbose=0))
    return reports


def test_markdown_shows_all_classes_or_groups(reports):
    # Tables are padded: their spaces do not count here.
    few, many = (re.sub(" +", " ", report.to_markdown()) for report in reports)
    for text, report in zip((few, many), reports, strict=True):
        assert text.startswith(report.verdict)
        assert f"| nc1 | {report.metrics['nc1']:.4g} | 0 |" in text
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert all(len(re.findall(r"(?<!\\)\|", row)) in (4, 6) for row in rows)
    assert few.count("the $class$") == 4
    assert many.count("| worst: ") == 5
    groups = spa.metrics.shot_groups(reports[1].class_counts)
    for name, classes in groups.items():
        assert f"| {name}: {len(classes)} classes |" in many
    worst = np.argmin(reports[1].cosine_per_class)
    assert f"| worst: the $class$ \\| {worst} |" in many


def test_json_holds_everything(reports):
    values = json.loads(reports[0].to_json())
    assert values["metrics"] == pytest.approx(reports[0].metrics)
    assert values["class_counts"] == reports[0].class_counts


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_pictures(reports, tmp_path, kind):
    path = tmp_path / f"report.{kind}"
    for report in reports:
        report.plot(path)
        first = path.read_bytes()
        assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
        report.plot(path)
        assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(ValueError, match="end in .png or .svg"):
        reports[0].plot(tmp_path / "report.pdf")
