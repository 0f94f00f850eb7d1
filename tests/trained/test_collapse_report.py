"""The report that `diagnose` gives: its verdict, tables, JSON and pictures."""

import dataclasses
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


def test_equal_counts_have_no_tail():
    values = {"images": [9] * 3, "dimension": 2, "accuracy": 0.5, "notes": []}
    values |= {"class_names": list("abc"), "accuracy_per_class": [0.5] * 3}
    values |= {"exponent_per_class": [1.0] * 3, "cosine_per_class": [1.0, 0.9, 0.8]}
    metrics = {"nc3_cosine": 0.9, "exponent_efficiency": 0.5}
    balanced = spa.CollapseReport(class_counts=[9] * 3, metrics=metrics, **values)
    assert balanced.verdict.startswith("Nearly aligned: mean cosine 0.90 of weights")
    tailed = spa.CollapseReport(class_counts=[9, 9, 8], metrics=metrics, **values)
    assert "but the tail: mean cosine 0.90" in tailed.verdict


def in_noise(cosines, distances, efficiency=0.25, plain=(0.3, 0.3, 0.3), **others):
    """A report of three classes, the last the most frequent, whose noise is known."""
    values = {"images": [9] * 3, "dimension": 2, "accuracy": 0.5, "notes": []}
    values |= {"class_names": list("abc"), "accuracy_per_class": [0.5] * 3}
    values |= {"exponent_per_class": [1.0] * 3, "class_counts": [1, 50, 500]}
    values |= {"cosine_per_class": list(plain), "distance_per_class": distances}
    values |= {"noise_cosine_per_class": cosines, "noise_exponent_per_class": [0.7] * 3}
    metrics = {"nc3_cosine": np.mean(plain), "exponent_efficiency": 0.9}
    values |= others
    met = np.array(values["images"]) > 0
    metrics |= {"noise_cosine": np.mean(np.array(cosines)[met])}
    metrics |= {"noise_exponent_efficiency": efficiency}
    return spa.CollapseReport(**values, metrics=metrics)


def test_the_verdict_speaks_of_the_noise_where_it_is_known():
    advice = "`keras_spa.align` moves the classifier towards the optimum, without"
    text = in_noise([0.2, 0.7, 0.9], [1.0, 2, 3]).verdict
    assert text.startswith("Misaligned, most in the tail: mean cosine 0.60 of weights ")
    assert "optimal ones, in the metric of the noise (0.90 for the most" in text
    assert "uses 25 % of the error exponent that its features allow." in text
    assert advice in text
    text = in_noise([1.0, 1, 1], [1.0, 2, 3], efficiency=0.98).verdict
    assert text.startswith("Aligned: mean cosine 1.00 of weights and optimal ones")
    assert advice not in text
    text = in_noise([1.0, 1, 1], [-0.34, 2, -1.26], efficiency=0.0).verdict
    assert "puts even the mean feature of 2 of 3 classes into another class, by" in text
    assert "by up to 1.3 standard deviations of the noise." in text
    assert advice in text
    assert "uses" not in text
    text = in_noise([1.0, 1, 1], [-np.inf, 2, 3]).verdict
    assert "mean feature of 1 of 3 classes into another class. " in text
    text = in_noise([0.9, 0.9, 0.9], [1.0, 2, 3], efficiency=np.nan).verdict
    assert text.startswith("Nearly aligned: ")
    assert "nan" not in text
    assert "uses" not in text


def test_the_verdict_has_four_sentences_at_most():
    for cosines in ([0.2, 0.7, 0.9], [1.0, 1, 1]):
        for distances in ([-1.5, 2, 3], [1.0, 2, 3]):
            text = in_noise(cosines, distances).verdict
            assert len(re.findall(r"[.](?: |$)", text)) <= 4


def test_classes_without_images_do_not_count_in_the_verdict():
    nan = float("nan")
    text = in_noise([0.5, 0.5, nan], [-1.0, 2, nan], images=[9, 9, 0]).verdict
    assert "mean cosine 0.50" in text
    assert "of 1 of 2 classes into another class, by up to 1.0 standard" in text
    assert "nan" not in text


def test_markdown_shows_the_metric_and_the_plain_cosine_beside_it():
    report = in_noise([0.2, 0.7, 0.9], [-1.23, 2, 3], plain=(0.31, 0.32, 0.33))
    text = re.sub(" +", " ", report.to_markdown())
    header = "| cosine | plain cosine | accuracy (%) | distance | exponent |"
    assert f"| class | training images {header}" in text
    assert "| a | 1 | 0.20 | 0.31 | 50.0 | -1.23 | 0.70 |" in text
    assert "| noise_cosine | 0.6 | 1 |" in text
    assert "negative if the mean itself is misclassified" in text
    plain = in_noise([np.nan] * 3, [np.nan] * 3)  # as of features that do not scatter
    text = re.sub(" +", " ", plain.to_markdown())
    assert "| class | training images | cosine | accuracy (%) | exponent |" in text
    assert "| a | 1 | 0.30 | 50.0 | 1.00 |" in text
    assert "standard deviations" not in text
    assert plain.verdict.startswith("Misaligned: mean cosine 0.30 of weights and class")
    assert "align`" not in plain.verdict


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
        assert all(len(re.findall(r"(?<!\\)\|", row)) in (4, 8) for row in rows)
    assert few.count("the $class$") == 4
    assert many.count("| worst: ") == 5
    groups = spa.metrics.shot_groups(reports[1].class_counts)
    for name, classes in groups.items():
        assert f"| {name}: {len(classes)} classes |" in many
    worst = np.argmin(reports[1].noise_cosine_per_class)
    assert f"| worst: the $class$ \\| {worst} |" in many


def test_the_worst_classes_are_those_of_the_metric(reports):
    cosines = np.arange(60) % 7 / 10 + (np.arange(60) != 41)
    changed = dataclasses.replace(reports[1], noise_cosine_per_class=cosines.tolist())
    assert "| worst: the $class$ \\| 41 |" in re.sub(" +", " ", changed.to_markdown())


def test_pictures_show_the_metric_if_it_is_known(monkeypatch):
    figures = []
    monkeypatch.setattr(
        "keras_spa.plots.save", lambda figure, path: figures.append(figure)
    )
    known = in_noise([0.2, 0.7, 0.9], [-np.inf, 2.5, -1])
    for report in (known, in_noise([np.nan] * 3, [np.nan] * 3)):
        report.plot("picture.png")
    upper, _, lower = figures[0].axes
    np.testing.assert_allclose(upper.lines[0].get_ydata(), [0.9, 0.7, 0.2])
    assert [bar.get_height() for bar in lower.patches] == [-1, 2.5, 0]
    assert len({bar.get_facecolor() for bar in lower.patches}) == 2
    classes, _ = figures[1].axes
    np.testing.assert_allclose(classes.lines[0].get_ydata(), [0.3] * 3)


def test_json_holds_everything(reports):
    values = json.loads(reports[0].to_json())
    assert values["metrics"] == pytest.approx(reports[0].metrics)
    assert values["class_counts"] == reports[0].class_counts


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_pictures(reports, tmp_path, kind):
    path = tmp_path / f"report.{kind}"
    unbounded = in_noise([0.2, 0.7, 0.9], [-np.inf, np.inf, -1])
    unknown = in_noise([np.nan] * 3, [np.nan] * 3)
    for report in (*reports, unbounded, unknown):
        report.plot(path)
        first = path.read_bytes()
        assert first.startswith(b"\x89PNG" if kind == "png" else b"<?xml")
        report.plot(path)
        assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(ValueError, match="end in .png or .svg"):
        reports[0].plot(tmp_path / "report.pdf")
