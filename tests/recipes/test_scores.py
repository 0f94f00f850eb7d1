import numpy as np
import pytest

from engine import evaluation
from reporting import evaluation_page

COUNTS = [300, 120, 60, 9, 5]


def case(images=400, seed=0):
    """Labels (of all classes but the last), logits, probabilities."""
    random = np.random.RandomState(seed)
    labels = random.randint(0, 4, images)
    logits = 2 * random.randn(images, 5)
    logits[np.arange(images), labels] += 1.5
    powers = np.exp(logits)
    return labels, logits, powers / powers.sum(axis=1, keepdims=True)


def scored(labels, logits, probabilities, batch=64):
    scores = evaluation.Scores(COUNTS)
    for start in range(0, len(labels), batch):
        rows = slice(start, start + batch)
        scores.update(labels[rows], logits[rows], probabilities[rows])
    return scores


def test_figures_equal_those_of_loops_over_images():
    labels, logits, probabilities = case()
    result = scored(labels, logits, probabilities).result()
    right, tested, log_loss = [0] * 5, [0] * 5, 0.0
    bins = {}
    for label, row, shares in zip(labels, logits, probabilities, strict=True):
        hit = int(max(range(5), key=lambda c, row=row: row[c]) == label)
        right[label] += hit
        tested[label] += 1
        log_loss -= np.log(np.exp(row[label]) / sum(np.exp(value) for value in row))
        number = next(b for b in range(15) if shares.max() <= (b + 1) / 15)
        bins.setdefault(number, []).append((hit, shares.max()))
    per_class = [100 * r / n for r, n in zip(right[:4], tested[:4], strict=True)]
    error = sum(
        len(bin)
        / 400
        * abs(np.mean([h for h, _ in bin]) - np.mean([p for _, p in bin]))
        for bin in bins.values()
    )
    assert result["images"] == 400
    assert result["accuracy"]["all"] == pytest.approx(100 * sum(right) / 400)
    assert result["accuracy"]["per_class"] == [*map(pytest.approx, per_class), None]
    assert result["accuracy"]["many"] == pytest.approx(np.mean(per_class[:2]))
    assert result["accuracy"]["medium"] == pytest.approx(per_class[2])
    assert result["accuracy"]["few"] == pytest.approx(per_class[3])
    assert result["log_loss"] == pytest.approx(log_loss / 400)
    assert result["calibration_error"] == pytest.approx(100 * error)


def test_the_table_shows_the_figures_and_a_dash_for_what_there_is_none_of():
    scores = evaluation.Scores([300, 200, 5])  # no class of medium many images
    scores.update(np.array([0, 1, 1]), *[np.eye(3)[[0, 1, 0]]] * 2)
    header, _, line = evaluation_page.table(scores).splitlines()
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert [cell.strip() for cell in header.strip("|").split("|")][1:5] == [
        *("all", "many", "medium", "few"),
    ]
    assert cells[:5] == ["3", "66.7", "75.0", "-", "-"]
    assert scores.accuracies()["per_class"] == [100.0, 50.0, None]


def test_sums_do_not_depend_on_the_batches():
    parts, whole = scored(*case(), batch=37), scored(*case(), batch=400)
    np.testing.assert_array_equal(parts.confusion, whole.confusion)
    np.testing.assert_allclose(parts.bins, whole.bins)
    assert parts.log_loss == pytest.approx(whole.log_loss)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    labels = np.array([0, 1, 2, 3])
    sure = np.where(np.eye(5)[labels] > 0, 40.0, 0.0)
    probabilities = np.eye(5)[labels]
    assert scored(labels, sure, probabilities).calibration_error() == 0
    wrong = scored(labels, np.roll(sure, 1, axis=1), np.roll(probabilities, 1, axis=1))
    assert wrong.calibration_error() == 100
    assert wrong.result()["log_loss"] == pytest.approx(40)


def test_the_class_table_names_what_a_class_is_taken_for_from_head_to_tail():
    scores = evaluation.Scores([5, 9, 300])
    labels = np.array([0, 0, 0, 2])
    logits = np.eye(3)[[1, 1, 0, 2]]
    scores.update(labels, logits, logits)
    rows = evaluation_page.class_table(scores, ["ant", "bee", "cat"]).splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert cells == [
        ["cat", "300", "1", "100.0", "-"],
        ["bee", "9", "0", "-", "-"],
        ["ant", "5", "3", "33.3", "bee (2)"],
    ]


@pytest.mark.parametrize("classes", [2, 21])
def test_a_picture_for_few_classes_and_for_many(tmp_path, classes):
    scores = evaluation.Scores(np.arange(1, classes + 1) * 20)
    logits = np.eye(classes)
    scores.update(np.arange(classes), logits, logits)
    names = [f"${c}" for c in range(classes)]
    evaluation_page.draw(scores, tmp_path / "picture.png", names, "a model on data")
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"
