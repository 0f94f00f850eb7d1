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
    with plots.style():
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
        _draw_confusion(left, figure, scores, names)
        _draw_calibration(right, scores)
        figure.suptitle(title, size=10)
        plots.save(figure, path)


def _draw_confusion(
    axes: Axes, figure: Figure, scores: "Scores", names: Sequence[str]
) -> None:
    order = scores.head_to_tail()
    rows = scores.confusion[np.ix_(order, order)]
    shares = 100 * rows / np.maximum(rows.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="viridis", vmin=0, vmax=100)
    figure.colorbar(image, ax=axes, label="images of the class (%)", shrink=0.85)
    counts = scores.class_counts[order]
    if len(order) <= 20:
        shown = [names[c][:12] for c in order]
        axes.set_xticks(range(len(order)), shown, rotation=60, ha="right")
        labels = [f"{n} ({c:,})" for n, c in zip(shown, counts, strict=True)]
        axes.set_yticks(range(len(order)), labels)
    for place in _shot_boundaries(counts):
        axes.axhline(place - 0.5, color="white", lw=0.8, ls=":")
        axes.axvline(place - 0.5, color="white", lw=0.8, ls=":")
    axes.set_xlabel("predicted class, from head to tail")
    axes.set_ylabel("true class (training images)")
    axes.set_title("Confusions")


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
    axes.set_ylim(0, 100)
    axes.set_xlabel("confidence: the largest probability")
    axes.set_ylabel("%")
    axes.set_title(f"Calibration: ECE {scores.calibration_error():.1f} %")
    axes.legend(frameon=False, loc="upper left")


def _shot_boundaries(counts: np.ndarray) -> list[int]:
    """Places at which many-shot classes end and few-shot classes begin."""
    groups = metrics.shot_groups(counts)
    ends = np.cumsum([len(groups[shots]) for shots in ("many", "medium")])
    return [int(end) for end in ends if 0 < end < len(counts)]
