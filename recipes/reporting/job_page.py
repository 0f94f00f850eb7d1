"""What a finished job prints and draws: a table and a picture of its results."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from engine.names import ALIGNMENTS, METHODS
from keras_spa import markdown, plots
from reporting import statistics, summary
from reporting.styles import COLORS, MARKERS
from reporting.summary import SHOTS, Result


def table(results: Sequence[Result]) -> str:
    """Markdown: accuracy in percent, mean ± standard deviation over seeds.

    `gain` is the paired difference to the same method without alignment, with its 95 %
    interval; `cosine` is between weights and centred class means of the training
    features, and `cosine in noise`, if any run holds it, that in the metric of the
    noise.
    """
    measured = ["cosine", "training"]
    if any(summary.noise_cosine(run) is not None for run in results):
        measured.insert(1, "cosine in noise")
    rows = [["method", "alignment", *SHOTS, "gain [95 %]", *measured]]
    for row in summary.summarize(results):
        names = [METHODS[row.method], ALIGNMENTS[row.alignment]]
        gain = statistics.gain_text(row.gain())
        rows.append([*names, *map(row.text, SHOTS), gain, *map(row.text, measured)])
    return markdown.table(rows)


def draw(results: Sequence[Result], path: pathlib.Path) -> None:
    """Accuracy against alignment, and cosine by class from head to tail, as PNG.

    Cosines are those in the metric of the noise if all results hold them.
    """
    with plots.style():
        figure = Figure(figsize=(11, 4.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        known = all(run.get("noise_cosine_per_class") for run in results)
        field = "noise_cosine_per_class" if known else "cosine_per_class"
        towards = "optimum in the noise" if known else "class mean"
        _draw_accuracy(left, results, field, towards)
        _draw_cosines(right, results, field, towards)
        plots.save(figure, path)


def _draw_accuracy(
    axes: Axes, results: Sequence[Result], field: str, towards: str
) -> None:
    for (method, alignment), runs in summary.group(results).items():
        cosines = [np.mean(run[field]) for run in runs]
        accuracies = [run["accuracy"]["all"] for run in runs]
        color, marker = COLORS[alignment], MARKERS[alignment]
        axes.scatter(cosines, accuracies, s=14, color=color, alpha=0.45, marker=marker)
        axes.scatter(
            np.mean(cosines),
            np.mean(accuracies),
            s=90,
            marker=marker,
            edgecolors=color,
            facecolors=color if method == "ce" else "white",
            linewidths=1.8,
            zorder=3,
        )
    handles = [
        Line2D([], [], ls="", marker=MARKERS[a], color=COLORS[a], label=ALIGNMENTS[a])
        for a in dict.fromkeys(run["alignment"] for run in results)
    ]
    for method in dict.fromkeys(run["method"] for run in results):
        face = "gray" if method == "ce" else "white"
        style: dict[str, Any] = {"color": "gray", "markerfacecolor": face}
        handles.append(
            Line2D([], [], ls="", marker="o", label=METHODS[method], **style)
        )
    axes.set_xlabel(f"alignment: mean cosine of weight and {towards}")
    axes.set_ylabel("accuracy (%)")
    seeds = len({run["seed"] for run in results})
    title = f"Accuracy against alignment (large: mean of {seeds} seeds)"
    plots.legend_above(axes, title, columns=4, handles=handles, fontsize=8)
    axes.grid(alpha=0.25)


def _draw_cosines(
    axes: Axes, results: Sequence[Result], field: str, towards: str
) -> None:
    first = results[0]["method"]
    counts = np.asarray(results[0]["class_counts"])
    order = np.argsort(-counts, kind="stable")
    for (method, alignment), runs in summary.group(results).items():
        if method == first:
            axes.plot(
                np.mean([run[field] for run in runs], axis=0)[order],
                marker=MARKERS[alignment],
                color=COLORS[alignment],
                markersize=5,
                label=ALIGNMENTS[alignment],
            )
    shown = np.unique(np.linspace(0, len(counts) - 1, 10).round().astype(int))
    axes.set_xticks(shown, [f"{order[i]}\n{counts[order[i]]:,}" for i in shown])
    axes.set_xlabel("class and its training images, from head to tail")
    axes.set_ylabel(f"cosine of weight and {towards}")
    title = f"Alignment from head to tail, {METHODS[first]}"
    plots.legend_above(axes, title, columns=4, fontsize=8)
    axes.grid(alpha=0.25)
