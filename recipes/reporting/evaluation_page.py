"""Tables and picture of an evaluated model, from the sums of `evaluation.Scores`."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_spa import markdown, metrics, plots
from reporting.statistics import mean_std
from reporting.summary import SHOTS

if TYPE_CHECKING:
    from engine.evaluation import Scores


def table(scores: "Scores") -> str:
    """Markdown: one row of all figures."""
    result = scores.result()
    percentages = [result["accuracy"][shots] for shots in SHOTS]
    percentages.append(result["calibration_error"])
    row = [str(result["images"]), *(mean_std([value]) for value in percentages)]
    header = ["images", *SHOTS, "ECE", "log loss"]
    return markdown.table([header, [*row, f"{result['log_loss']:.3f}"]])


def class_table(scores: "Scores", names: Sequence[str]) -> str:
    """Markdown: a row a class, from head to tail."""
    accuracies = scores.accuracies()["per_class"]
    rows = [["class", "training images", "test images", "accuracy", "taken for"]]
    for c in scores.head_to_tail():
        others = scores.confusion[c].copy()
        others[c] = 0
        taken = int(np.argmax(others))
        mistaken = f"{names[taken]} ({others[taken]})" if others[taken] else "-"
        counts = [str(scores.class_counts[c]), str(scores.confusion[c].sum())]
        rows.append([names[c], *counts, mean_std([accuracies[c]]), mistaken])
    return markdown.table(rows)


def draw(
    scores: "Scores", path: pathlib.Path, names: Sequence[str], title: str
) -> None:
    """Left the confusions, from head to tail; right confidence and accuracy."""
    side = max(4.0, min(0.13 * len(names), 6.5))
    labels = _labels(scores, names, side)
    beside = labels.inches if labels else 0.4
    with plots.style():
        size = (side + beside + 5.6, side + beside + (1.2 if labels else 2.2))
        figure = Figure(figsize=size, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(side, 3.4))
        _draw_confusion(left, figure, scores, labels)
        if labels is None:
            worst = worst_pairs(scores, [plots.short(name, 28) for name in names])
            left.set_title("\n".join(["Confusions", *worst]), fontsize=plots.SIZE)
        right.set_box_aspect(1)
        _draw_calibration(right, scores)
        figure.suptitle(plots.short(title, 100), size=10)
        plots.save(figure, path, size="tight")


def worst_pairs(scores: "Scores", names: Sequence[str], most: int = 5) -> list[str]:
    """The most frequent confusions in words: first by share, then by images."""
    wrong = scores.confusion.copy()
    np.fill_diagonal(wrong, 0)
    tested = scores.confusion.sum(axis=1)
    places = np.argwhere(wrong)
    images = wrong[tuple(places.T)]
    order = np.lexsort((-images, -images / tested[places[:, 0]]))[:most]
    return [
        f"{wrong[c, other]:,} of {tested[c]:,} {names[c]} taken for {names[other]}"
        for c, other in places[order]
    ]


def _labels(scores: "Scores", names: Sequence[str], side: float) -> plots.Labels | None:
    """Names from head to tail with their training images; None: too many."""
    order = scores.head_to_tail()
    if len(order) > plots.MOST_NAMES:
        return None
    counts = [f"{scores.class_counts[c]:,}" for c in order]
    return plots.labels([names[c] for c in order], side, counts, upright=True)


def _draw_confusion(
    axes: Axes, figure: Figure, scores: "Scores", labels: plots.Labels | None
) -> None:
    order = scores.head_to_tail()
    rows = scores.confusion[np.ix_(order, order)]
    shares = 100 * rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=100)
    figure.colorbar(image, ax=axes, label="images of the class (%)", shrink=0.85)
    counts = scores.class_counts[order]
    if labels is not None:
        labels.put(axes, range(len(order)))
        axes.set_yticks(range(len(order)), labels.texts, fontsize=labels.size)
    for place in _shot_boundaries(counts):
        axes.axhline(place - 0.5, color="white", lw=0.8, ls=":")
        axes.axvline(place - 0.5, color="white", lw=0.8, ls=":")
    axes.set_xlabel("predicted class, from head to tail")
    axes.set_ylabel("true class, from head to tail")
    axes.set_title("Confusions")  # of very many classes, `draw` adds the worst


def _draw_calibration(axes: Axes, scores: "Scores") -> None:
    images, right, confidence = scores.bins
    filled, bins = images > 0, len(images)
    centers = (np.arange(bins) + 0.5) / bins
    share = 100 * images / images.sum()
    axes.bar(centers, share, 1 / bins, color="0.85", label="share of the images")
    axes.plot([0, 1], [0, 100], color="0.5", lw=1, ls="--", label="calibrated")
    axes.plot(
        confidence[filled] / images[filled],
        100 * right[filled] / images[filled],
        "o-",
        color=plots.PALETTE["blue"],
        label="accuracy",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 102)
    axes.set_xlabel("confidence: the largest probability")
    axes.set_ylabel("%")
    title = f"Calibration: ECE {scores.calibration_error():.1f} %"
    plots.legend_above(axes, title, columns=2)


def _shot_boundaries(counts: np.ndarray) -> list[int]:
    """Places at which many-shot classes end and few-shot classes begin."""
    groups = metrics.shot_groups(counts)
    ends = np.cumsum([len(groups[shots]) for shots in ("many", "medium")])
    return [int(end) for end in ends if 0 < end < len(counts)]
