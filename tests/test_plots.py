"""Pictures: names whole, legends beside the curves, classes from head to tail."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import keras_spa as spa
from engine import evaluation
from keras_spa import plots
from reporting import evaluation_page, job_page

LONG = "Zone de rencontre piétonne, Fußgängerüberweg und Vorfahrt"


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, laid out."""
    figures = []

    def save(figure, path, **_):
        figure.draw_without_rendering()
        figures.append(figure)

    monkeypatch.setattr(plots, "save", save)
    return figures


def boxes(artists):
    return [artist.get_window_extent() for artist in artists]


def assert_readable(figure):
    """No label beyond the figure or on another one, no legend on any axes' inside."""
    width, height = figure.get_size_inches() * figure.dpi
    for axes in figure.axes:
        if not axes.axison:  # images alone
            continue
        low, high = axes.get_xlim()
        ticks = [
            tick
            for place, tick in zip(
                axes.get_xticks(), axes.get_xticklabels(), strict=False
            )
            if low <= place <= high and tick.get_text() and tick.get_visible()
        ]
        for box in boxes(ticks):
            assert -1 <= box.x0 <= box.x1 <= width + 1
            assert -1 <= box.y0 <= box.y1 <= height + 1
        for one, other in zip(boxes(ticks), boxes(ticks[1:]), strict=False):
            assert one.x1 <= other.x0 + 1
        if axes.get_legend():
            (legend,) = boxes([axes.get_legend()])
            inside = axes.get_window_extent()
            assert legend.y0 >= inside.y1 - 1
            (title,) = boxes([axes.title])
            assert title.y0 >= legend.y1 - 1


def counts_of(classes):
    counts = np.linspace(300, 4, classes).astype(int)
    return counts[np.random.RandomState(0).permutation(classes)]


def data_of(classes, names):
    counts = counts_of(classes)
    labels = np.repeat(np.arange(classes), counts)
    images = np.full((len(labels), 4, 4, 3), 99, "uint8")
    split = spa.data.Split(images, labels)
    return spa.data.LongTailedData("signs", split, None, None, tuple(names))


def report_of(classes, names):
    values = np.linspace(0.1, 0.9, classes).tolist()
    return spa.CollapseReport(
        *(list(names), counts_of(classes).tolist(), [5] * classes, 8, 0.7),
        *(values, values, values),
        metrics={"noise_cosine": 0.65, "noise_exponent_efficiency": 0.3},
        notes=[],
        noise_cosine_per_class=values,
        noise_exponent_per_class=values,
        distance_per_class=values,
    )


@pytest.mark.filterwarnings("error:.*layout not applied")
@pytest.mark.parametrize("classes", [3, 43, 300])
@pytest.mark.parametrize("name", ["{}", LONG + " {}"])
def test_labels_are_whole_and_legends_cover_nothing(drawn, tmp_path, classes, name):
    names = [name.format(c) for c in range(classes)]
    spa.data.describe(data_of(classes, names), tmp_path / "a.png")
    report_of(classes, names).plot(tmp_path / "b.png")
    for figure in drawn:
        assert_readable(figure)
    order = np.argsort(-counts_of(classes), kind="stable")
    if classes <= 50:
        shown = [tick.get_text() for tick in drawn[0].axes[0].get_xticklabels()]
        wanted = [plots.short(names[c]) for c in order]
        assert [text.replace("\n", " ") for text in shown] == wanted
    else:
        assert plots.short(names[order[-1]], 30) in drawn[0].axes[0].get_xlabel()


def test_short_names_stand_in_lines_and_long_ones_upright():
    below = plots.labels(["cat", "bird of prey"], 2.0, ["9", "4"])
    assert (below.texts, below.upright) == (["cat\n9", "bird of prey\n4"], False)
    upright = plots.labels(["cat", "Fußgängerüberweg"], 2.0, ["9", "4"])
    assert (upright.texts[1], upright.upright) == ("Fußgängerüberweg (4)", True)
    assert upright.inches > below.inches
    assert plots.short("a" * 30 + "b" * 30) == "a" * 26 + "…" + "b" * 13
    assert plots.short("a" * 40) == "a" * 40


def test_a_job_s_picture_goes_from_head_to_tail(drawn, tmp_path):
    counts = [20, 500, 3, 90]
    runs = [
        {
            "method": "ce",
            "alignment": alignment,
            "seed": 0,
            "cosine": 0.5,
            "accuracy": {"all": 60.0},
            "cosine_per_class": [0.2, 0.9, 0.1, 0.5],
            "class_counts": counts,
        }
        for alignment in ("none", "spa_reg", "spa_slerp", "spa_proj", "misaligned")
    ]
    job_page.draw(runs, tmp_path / "picture.png")
    right = drawn[0].axes[1]
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [0.9, 0.5, 0.2, 0.1])
    assert right.get_ylabel() == "cosine of weight and class mean"
    known = [{**run, "noise_cosine_per_class": [0.4, 0.8, 0.3, 0.7]} for run in runs]
    job_page.draw(known, tmp_path / "picture.png")
    left, noisy = drawn[1].axes
    np.testing.assert_array_equal(noisy.lines[0].get_ydata(), [0.8, 0.7, 0.4, 0.3])
    assert left.collections[0].get_offsets()[0][0] == np.mean([0.4, 0.8, 0.3, 0.7])
    assert (
        left.get_xlabel() == "alignment: mean cosine of weight and optimum in the noise"
    )
    ticks = [tick.get_text() for tick in right.get_xticklabels()]
    assert ticks == ["1\n500", "3\n90", "0\n20", "2\n3"]
    assert_readable(drawn[0])


def scores_of(counts, mistakes):
    scores = evaluation.Scores(counts)
    np.fill_diagonal(scores.confusion, 10)
    for truth, taken, images in mistakes:
        scores.confusion[truth, taken] += images
    return scores


@pytest.mark.parametrize("classes", [4, 50, 51])
def test_confusions_have_names_or_the_worst_pairs_in_words(drawn, tmp_path, classes):
    names = [f"{LONG} {c}" for c in range(classes)]
    scores = scores_of(counts_of(classes), [(2, 1, 10), (0, 3, 2)])
    evaluation_page.draw(scores, tmp_path / "picture.png", names, "a model")
    left = drawn[0].axes[0]
    shown = [tick.get_text() for tick in left.get_yticklabels()]
    if classes <= 50:
        order = np.argsort(-counts_of(classes), kind="stable")
        wanted = [f"{plots.short(names[c])} ({scores.class_counts[c]})" for c in order]
        assert shown == wanted == [tick.get_text() for tick in left.get_xticklabels()]
        assert left.get_title() == "Confusions"
    else:
        short = [plots.short(name, 28) for name in names]
        assert left.get_title().splitlines()[1:] == [
            f"10 of 20 {short[2]} taken for {short[1]}",
            f"2 of 12 {short[0]} taken for {short[3]}",
        ]


def test_an_emoji_draws_without_a_word(tmp_path, recwarn):
    figure = Figure()
    figure.suptitle("🐦")
    plots.save(figure, tmp_path / "picture.png")
    assert not [str(warning.message) for warning in recwarn]
