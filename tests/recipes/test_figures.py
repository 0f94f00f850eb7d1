import json

import keras
import numpy as np
import pytest

import figures
import keras_spa as spa
from keras_spa import theory
from reporting.figures import catalogue, exponents, names, sphere, toys
from reporting.figures import runs as run_figures

CLASSES = 6
COUNTS = [200, 90, 40, 15, 6, 2]


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(catalogue, "RESOLUTION", 40)


def result(alignment, seed, factor=100.0, method="ce", **more):
    random = np.random.RandomState(seed)
    per_class = sorted(random.uniform(10, 90, CLASSES), reverse=True)
    run = {
        "dataset": "toy images",
        "method": method,
        "alignment": alignment,
        "seed": seed,
        "split": "test",
        "class_counts": COUNTS,
        "accuracy": {"all": np.mean(per_class), "per_class": per_class},
        "train_accuracy": 99.0,
        "cosine": 0.5,
        "cosine_per_class": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
        "exponent_per_class": [5.0, 2.0, 1.5, 0.5, 0.1, 0.0],
        "history": {"accuracy": [0.2, 0.4], "alignment": [0.1, 0.3]},
        "flags": {"imbalance_factor": factor, "epochs": 2},
    }
    return {**run, **more}


def folder_of(path, runs):
    (path / "runs").mkdir(parents=True)
    for number, run in enumerate(runs):
        (path / "runs" / f"{number}.json").write_text(json.dumps(run))
    return path


def texts(figure):
    """All that is written in a figure's axes."""
    lines = []
    for axes in figure.axes:
        legend = axes.get_legend()
        lines += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        lines += [text.get_text() for text in axes.texts]
        lines += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(lines)


def test_exponents_in_the_plane_are_those_of_the_closed_form():
    aligned, turned, displaced = toys.geometries().values()
    means = toys.means()
    angle = np.radians(toys.TURN)
    exponents = [theory.error_exponent(w, means) for w in (aligned, turned, displaced)]
    exact = theory.rotated_etf_exponent(3, angle, plane=True)
    assert exponents[0] == pytest.approx(3 / 8, abs=1e-6)
    assert exponents[1] == pytest.approx(np.sin(np.pi / 3 - angle) ** 2 / 2, abs=1e-6)
    assert exponents[1] == pytest.approx(exact, abs=1e-6)
    # One weight displaced by 2θ turns its boundaries by θ.
    assert toys.DISPLACED == 2 * toys.TURN
    assert exponents[2] == pytest.approx(exact, abs=1e-6)
    figure, caption = toys.draw()
    labels = [axes.get_xlabel() for axes in figure.axes]
    for label, exponent in zip(labels, exponents, strict=True):
        assert label.startswith(f"E = {exponent:.3f} ({exponent / 0.375:.0%}"[:-1])
    assert "0.375" in caption
    assert f"{exact:.3f}" in caption


def test_regions_are_where_the_classifier_decides():
    for weights in toys.geometries().values():
        regions = toys.regions(weights)
        for degrees in np.arange(0.25, 360, 0.5):
            angle = np.radians(degrees)
            best = np.argmax(weights @ [np.cos(angle), np.sin(angle)])
            inside = [
                c
                for c, parts in enumerate(regions)
                for start, stop in parts
                if (degrees - start) % 360 <= stop - start
            ]
            assert inside == [best]


def test_first_step_on_the_sphere_is_that_of_gradient_descent():
    weights, means = sphere.train(None, steps=1)
    random = np.random.RandomState(sphere.SEED)
    labels = np.repeat(np.arange(4), sphere.COUNTS)
    free = 0.3 * random.standard_normal((len(labels), 3))
    start = random.standard_normal((3, 4)).T
    lengths = np.linalg.norm(free, axis=1, keepdims=True)
    features = free / lengths
    scores = np.exp(features @ start.T)
    wrong = scores / scores.sum(axis=1, keepdims=True) - np.eye(4)[labels]
    wrong /= len(labels)
    decay = 2 * sphere.WEIGHT_DECAY * start
    after = start - sphere.RATE * (wrong.T @ features + decay)
    np.testing.assert_allclose(weights, [start, after], atol=1e-6)
    pull = wrong @ start
    pull -= (pull * features).sum(axis=1, keepdims=True) * features
    moved = free - sphere.RATE * pull / lengths
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    expected = [
        [rows[labels == c].mean(axis=0) for c in range(4)] for rows in (features, moved)
    ]
    np.testing.assert_allclose(means, expected, atol=1e-5)


def test_on_the_sphere_spa_reg_aligns_the_rarest_class():
    without = sphere.angles(*sphere.train(None, steps=120))
    aligned = sphere.train(spa.SpAReg.paper(sphere.STRENGTH), steps=120)
    aligned = sphere.angles(*aligned)
    np.testing.assert_allclose(without[0], aligned[0], atol=1e-4)
    assert without[-1, -1] > 20
    assert aligned[-1, -1] < 10


def test_exponents_leave_out_what_is_not_known():
    unknown = result("none", 0, exponent_per_class=[5.0, 2.0, 1.5, None, 0.1, 0.0])
    points = exponents.class_points([unknown])
    assert {name: both.shape[1] for name, both in points.items()} == {
        "many": 1,
        "medium": 2,
        "few": 2,
    }
    share, error = exponents.model_point(unknown)
    assert share == pytest.approx((1 + 1 + 1 + 0.1 + 0) / 5)
    assert error == pytest.approx(100 - unknown["accuracy"]["all"])


def test_titles_give_the_differences_paired_by_seed():
    runs = {
        a: [result(a, s, accuracy={"all": 50.0 + s + gain}) for s in seeds]
        for a, gain, seeds in (
            ("none", 0, (0, 1)),
            ("spa_reg", 2, (0, 1)),
            ("misaligned", -3, (1,)),
        )
    }
    figure, caption = run_figures.accuracy_and_cosine(runs, 100.0)
    assert "Accuracy: SpA-Reg +2.0, misaligned −3.0" in texts(figure)
    assert "51.5 ± 0.7" not in texts(figure)
    assert "50.5 ± 0.7" in texts(figure)
    assert "imbalance factor 100" in caption


def test_classes_are_drawn_from_head_to_tail():
    shuffled = [2, 0, 1, 5, 4, 3]
    run = result("none", 0)
    for name in ("class_counts", "cosine_per_class"):
        run[name] = [run[name][c] for c in shuffled]
    figure, _ = run_figures.cosine_by_class({100.0: {"none": [run]}})
    (line,) = figure.axes[0].lines
    assert list(line.get_ydata()) == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert "head third 0.85, tail 0.45" in texts(figure)


@pytest.mark.parametrize("every", [None, 1, 2])
def test_validation_accuracy_is_drawn_where_it_was_measured(every):
    history = {"accuracy": [0.2, 0.3, 0.5, 0.6], "alignment": [0.1, 0.2, 0.3, 0.4]}
    if every:
        history["val_accuracy"] = [0.1, 0.2, 0.3, 0.4][: 4 // every]
    runs = {a: [result(a, 0, history=history)] for a in ("none", "spa_reg")}
    figure, caption = run_figures.curves_by_epoch(runs, 200.0)
    line = figure.axes[0].lines[0]
    places = {None: [1, 2, 3, 4], 1: [1, 2, 3, 4], 2: [2, 4]}[every]
    assert list(line.get_xdata()) == places
    assert ("no run has looked" in caption) == (every is None)
    last = {None: "60.0", 1: "40.0", 2: "20.0"}[every]
    assert f"accuracy: {last}, SpA-Reg {last}" in texts(figure)


def test_missing_runs_are_named_with_the_command_that_makes_them(tmp_path, capsys):
    folder = folder_of(tmp_path / "cifar10_lt_small", [result("none", 0)])
    output = tmp_path / "figures"
    arguments = [f"--results={folder}", f"--output_dir={output}", "--figure=1a,2,1b-d"]
    assert figures.main(arguments) == 1
    printed = capsys.readouterr().out
    assert "[2/3] figure 1a: not drawn" in printed
    assert "alignment SpA-Reg, misaligned at imbalance factor 100" in printed
    assert "flagfiles/cifar10_lt_small/ce_misaligned.flags" in printed
    assert "imbalance factor 200" in printed  # of figure 2
    names = {path.name for path in output.iterdir()}
    assert names == {"README.md", *(f"figure_1b-d.{k}" for k in ("md", "png", "svg"))}


def test_older_results_are_said_to_lack_exponents(tmp_path, capsys):
    run = result("none", 0)
    del run["exponent_per_class"]
    folder = folder_of(tmp_path / "old", [run])
    arguments = [f"--results={folder}", f"--output_dir={tmp_path}"]
    assert figures.main([*arguments, "--figure=exponents"]) == 1
    assert "none of the 1 result files" in capsys.readouterr().out
    (folder / "runs" / "0.json").write_text("{")
    assert figures.main([*arguments, "--figure=exponents"]) == 1
    assert "is no result" in capsys.readouterr().out


@pytest.mark.parametrize("argument", ["--figure=5", "--figure=", "--results=a/x,b/x"])
def test_wrong_arguments_are_refused(argument):
    with pytest.raises(SystemExit) as stopped:
        figures.parse([argument])
    assert stopped.value.code == 2


def test_figures_are_the_same_bytes_each_time(tmp_path):
    runs = [result(a, s) for a in ("none", "spa_reg", "misaligned") for s in (0, 1)]
    runs += [result("none", 0, method="balanced_softmax")]
    folder = folder_of(tmp_path / "some", runs)
    written = []
    for _ in range(2):
        arguments = [f"--results={folder}", f"--output_dir={tmp_path / 'out'}"]
        arguments += ["--imbalance_factors=100", "--figure=1a,1b-d,2,4,exponents"]
        assert figures.main(arguments) == 0
        files = sorted((tmp_path / "out").iterdir())
        written.append({path.name: path.read_bytes() for path in files})
    assert len(written[0]) == 5 * 3 + 1
    assert written[0] == written[1]
    readme = written[0]["README.md"].decode()
    assert "runs, seeds 0, 1, 2 epochs." in readme
    assert readme.count("**Figure ") == 5


@pytest.mark.long
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one is enough")
def test_smoke_leaves_every_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "SMOKE_TRAINING", ("--smoke", "--validate_every=1"))
    assert figures.main(["--smoke", f"--output_dir={tmp_path}"]) == 0
    for name in set(names.FIGURES) - set(names.OVERVIEWS):
        assert (tmp_path / f"figure_{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"</svg>" in (tmp_path / f"figure_{name}.svg").read_bytes()
    assert len(list((tmp_path / "digits_lt" / "runs").iterdir())) == 5
