"""The tables and the picture of a job, of post-hoc methods and of candidates."""

import json

import pytest

from engine import storage
from keras_spa.files import write_atomically
from reporting import choices_page, job_page, posthoc_page, summary


def result(method, alignment, seed, accuracy, few=None):
    return {
        "dataset": "toy images",
        "method": method,
        "alignment": alignment,
        "seed": seed,
        "accuracy": {"all": accuracy, "many": 90.0, "medium": 50.0, "few": few},
        "train_accuracy": 100.0,
        "cosine": 0.5,
        "cosine_per_class": [0.6, 0.4],
        "class_counts": [200, 4],
        "flags": {},
    }


def rows(table):
    """The cells of a Markdown table's lines, header first, without the rule."""
    header, _, *lines = table.splitlines()
    return [
        [c.strip() for c in line.strip("|").split("|")] for line in [header, *lines]
    ]


def test_a_job_s_table_gives_mean_deviation_and_paired_gain():
    runs = [
        result("ce", "none", 0, 60.0),
        result("ce", "none", 1, 70.0),
        result("ce", "spa_reg", 0, 63.0),
        result("ce", "spa_reg", 1, 72.0),
    ]
    header, plain, aligned = rows(job_page.table(runs))
    assert header[:3] == ["method", "alignment", "all"]
    assert plain[:3] == ["cross-entropy", "none", "65.0 ± 7.1"]
    assert plain[5:7] == ["-", "-"]  # no few-shot class, no gain over itself
    assert aligned[2] == "67.5 ± 6.4"
    # Of +3 and +2, not of unpaired means: 2.5 ± 12.706 · 0.5.
    assert aligned[6] == "+2.5 [-3.9, +8.9]"


def test_a_job_of_one_seed_has_no_deviation_and_no_interval():
    runs = [result("ce", a, 0, 61.24, few=3.0) for a in ("none", "spa_slerp")]
    _, plain, aligned = rows(job_page.table(runs))
    assert plain[2:6] == ["61.2", "90.0", "50.0", "3.0"]
    assert aligned[6] == "+0.0"


def test_the_cosine_in_the_metric_of_the_noise_is_told_where_runs_hold_it():
    old, new = (result("ce", "none", s, 60.0) for s in (0, 1))
    header, row = rows(job_page.table([old]))
    assert "cosine in noise" not in header
    new["neural_collapse"] = {"noise_cosine": 0.97}
    header, row = rows(job_page.table([new]))
    assert row[header.index("cosine in noise")] == "0.97"
    header, row = rows(job_page.table([old, new]))
    assert row[header.index("cosine in noise")] == "-"


def test_a_job_s_picture_is_the_same_bytes_each_time(tmp_path):
    runs = [result("ce", a, s, 60.0 + s) for a in ("none", "spa_reg") for s in (0, 1)]
    for name in ("one.png", "two.png"):
        job_page.draw(runs, tmp_path / name)
    one, two = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert one.startswith(b"\x89PNG")
    assert one == two


def test_results_are_summarized_by_configuration(tmp_path):
    for seed, accuracy in ((1, 70.0), (0, 60.0)):
        for alignment in ("spa_reg", "none"):
            run = result("ce", alignment, seed, accuracy)
            (tmp_path / f"{alignment}{seed}.json").write_text(json.dumps(run))
    plain, aligned = summary.summarize(summary.load(tmp_path))
    assert (plain.title, aligned.title) == ("cross-entropy", "cross-entropy + SpA-Reg")
    assert plain.values("all") == [60.0, 70.0]  # in the order of seeds
    assert aligned.baseline == plain.runs
    assert (plain.mean("all"), plain.mean("few")) == ("65.0", "-")
    assert plain.gain() is None


def test_post_hoc_gains_are_paired_by_seed():
    def run(plain, turned):
        rest = {"many": 50.0, "medium": None, "few": 1.0}
        return {"untouched": {"all": plain} | rest, "SpA-SLERP": {"all": turned} | rest}

    comparisons = {("ce", 0): run(30.0, 33.0), ("ce", 1): run(40.0, 41.0)}
    _, untouched, turned = rows(posthoc_page.table(comparisons))
    assert untouched[2:5] == ["35.0 ± 7.1", "-", "50.0 ± 0.0"]
    # Of +3 and +1: 2 ± 12.706 · 1.
    gain = "+2.0 [-10.7, +14.7]"
    assert turned[2:] == ["37.0 ± 5.7", gain, "50.0 ± 0.0", "-", "1.0 ± 0.0"]


def test_candidates_are_ranked_within_their_method():
    def runs(method, *accuracies):
        return {
            (method, seed): result(method, "none", seed, accuracy)
            for seed, accuracy in enumerate(accuracies)
        }

    measured = {
        "none": runs("ce", 50.0, 60.0) | runs("balanced_softmax", 70.0),
        "SpA-Reg 1": runs("ce", 51.0, 61.0) | runs("balanced_softmax", 69.0),
    }
    _, *lines = rows(choices_page.table(measured))
    assert [line[:4] for line in lines] == [
        ["cross-entropy", "SpA-Reg 1", "56.0 ± 7.1", "+1.0 [+1.0, +1.0]"],
        ["cross-entropy", "none", "55.0 ± 7.1", "-"],
        ["balanced softmax", "none", "70.0", "-"],
        ["balanced softmax", "SpA-Reg 1", "69.0", "-1.0"],
    ]


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "result.json"
    storage.write_result(path, {"accuracy": 1.5})
    with pytest.raises(ValueError, match="Out of range float"):
        storage.write_result(path, {"accuracy": float("nan")})
    with pytest.raises(TypeError):
        write_atomically(path, ["not", "bytes"])
    assert json.loads(path.read_text()) == {"accuracy": 1.5}
    assert list(tmp_path.iterdir()) == [path]


def test_head_and_tail_are_thirds_of_the_classes_by_their_images():
    run = {
        "class_counts": [2, 90, 8, 40, 1],
        "cosine_per_class": [0.2, 0.9, 0.5, 0.6, 0],
    }
    assert summary.third_of_classes(run, "cosine_per_class") == (0.9, 0.0)
    run = {"class_counts": [2, 90, 8, 40, 1, 3], "x": [2.0, 90.0, 8.0, 40.0, 1.0, 3.0]}
    assert summary.third_of_classes(run, "x") == (65.0, 1.5)
