"""Our figure: exponents against measured errors, by class and by model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from engine.names import ALIGNMENTS, METHODS
from keras_spa import plots
from keras_spa.metrics import shot_groups
from reporting.figures.runs import signed
from reporting.statistics import rank_correlation
from reporting.styles import COLORS, FILLS, MARKERS, SHOT_MARKERS
from reporting.summary import Result


def class_points(results: Sequence[Result]) -> dict[str, np.ndarray]:
    """`{shots: (exponent share, error in percent)}`, an entry a class and run."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in SHOT_MARKERS}
    for run in results:
        shares, errors = _shares_and_errors(run)
        for name, classes in shot_groups(run["class_counts"]).items():
            parts[name].append(np.stack([shares[classes], errors[classes]]))
    points = {name: np.concatenate(part, axis=1) for name, part in parts.items()}
    return {
        name: both[:, np.isfinite(both).all(axis=0)]
        for name, both in points.items()
        if np.isfinite(both).all(axis=0).any()
    }


def model_point(run: Result) -> tuple[float, float]:
    """Mean over classes of min(1, exponent share), and the error in percent."""
    shares, _ = _shares_and_errors(run)
    return float(np.nanmean(np.minimum(1, shares))), 100 - run["accuracy"]["all"]


def _shares_and_errors(run: Result) -> tuple[np.ndarray, np.ndarray]:
    shares = np.array(run["exponent_per_class"], dtype=float)
    return shares, 100 - np.array(run["accuracy"]["per_class"], dtype=float)


def correlations(results: Sequence[Result]) -> dict[str, float]:
    """Rank correlations of share and error.

    By class, by model, by group of classes, and by model among those of one method.
    """
    points = class_points(results)
    models = np.array([model_point(run) for run in results]).T
    methods = np.array([run["method"] for run in results])
    return {
        "by class": rank_correlation(*np.concatenate(list(points.values()), axis=1)),
        "by model": rank_correlation(*models),
        **{name: rank_correlation(*both) for name, both in points.items()},
        **{
            name: rank_correlation(*models[:, methods == name])
            for name in dict.fromkeys(methods.tolist())
        },
    }


def draw(results: Sequence[Result]) -> tuple[Figure, str]:
    """The figure and its caption, of results that hold `exponent_per_class`."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    ranks = correlations(results)
    _draw_classes(left, class_points(results), ranks)
    _draw_models(right, results, ranks["by model"])
    left.set_ylabel(f"error of the class on {results[0]['split']} images (%)")
    right.set_ylabel(f"error on {results[0]['split']} images (%)")
    return figure, (
        "Error exponents of trained classifiers against measured errors on "
        f"{results[0]['split']} images. Left: a point a class and run; its exponent is "
        "computed from weights, biases and class means of the training features, as a "
        "share of the largest exponent that any classifier of the same features could "
        "have (0: the class mean itself is misclassified; the axis is linear below 0.1 "
        "and logarithmic above). Right: a point a run; mean over classes of the share, "
        "cut off at 1. A good classifier lies right and low. Spearman: rank "
        "correlation over all points, in the legend over those of a group of classes. "
        "Frequent classes have larger exponents and fewer errors for more reasons than "
        "one, and features differ by run: an association, not a law."
    )


def _draw_classes(
    axes: Axes, points: Mapping[str, np.ndarray], ranks: Mapping[str, float]
) -> None:
    together = np.concatenate(list(points.values()), axis=1)
    for name, (shares, errors) in points.items():
        axes.scatter(
            shares,
            errors,
            s=14,
            marker=SHOT_MARKERS[name],
            color=plots.SHOT_COLORS[name],
            alpha=0.5,
            lw=0,
            label=f"{name} shot ({signed(ranks[name], 2)})",
        )
    axes.set_xscale("symlog", linthresh=0.1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlim(-0.012, max(1.5, 1.5 * together[0].max()))
    axes.set_ylim(-4, 104)
    axes.set_xlabel("exponent of the class (share of the optimum)")
    axes.set_title(
        f"By class: Spearman {signed(ranks['by class'], 2)}, "
        f"{together.shape[1]:,} points",
        loc="left",
    )
    # Where no points are: many errors at a large exponent.
    axes.legend(loc="upper right", frameon=False, handlelength=1, handletextpad=0.3)
    axes.grid(alpha=0.25)


def _draw_models(axes: Axes, results: Sequence[Result], rank: float) -> None:
    for run in results:
        marker, color = MARKERS[run["alignment"]], COLORS[run["alignment"]]
        axes.plot(*model_point(run), marker, color=color, **_fill(run["method"]))
    for name in dict.fromkeys(run["alignment"] for run in results):
        label = "no alignment" if name == "none" else ALIGNMENTS[name]
        axes.plot([], [], MARKERS[name], color=COLORS[name], markersize=5, label=label)
    methods = dict.fromkeys(run["method"] for run in results)
    for method in methods if len(methods) > 1 else ():
        axes.plot([], [], "o", color="gray", label=METHODS[method], **_fill(method))
    axes.margins(0.1)
    axes.set_xlabel("mean exponent share of the classes, each at most 1")
    axes.set_title(
        f"By model: Spearman {signed(rank, 2)}, {len(results)} runs",
        loc="left",
    )
    axes.figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower right", ncols=4
    )
    axes.grid(alpha=0.25)


def _fill(method: str) -> dict[str, Any]:
    style = {"fillstyle": FILLS[method], "markerfacecoloralt": "white"}
    return {**style, "markersize": 5}
