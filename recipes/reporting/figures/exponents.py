"""Our figure: exponents against measured errors, by class and by model."""

import numpy as np
from engine.methods import ALIGNMENTS, METHODS
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from keras_spa import plots
from keras_spa.metrics import shot_groups
from reporting.figures.runs import signed
from reporting.summary import COLORS, MARKERS

FILLS = dict(
    zip(METHODS, ("full", "none", "left", "right", "top", "bottom"), strict=True)
)
SHOT_MARKERS = {"many": "o", "medium": "s", "few": "^"}


def spearman(x, y):
    """Rank correlation, ties at their mean rank; NaN if x or y are all equal."""
    ranks = []
    for values in (x, y):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[place])
        if len(counts) < 2:
            return np.nan
    return float(np.corrcoef(*ranks)[0, 1])


def by_class(results):
    """`{shots: (exponent share, error in percent)}`, an entry a class and run."""
    found = {name: [] for name in SHOT_MARKERS}
    for run in results:
        shares, errors = _of_run(run)
        for name, classes in shot_groups(run["class_counts"]).items():
            found[name].append(np.stack([shares[classes], errors[classes]]))
    points = {name: np.concatenate(parts, axis=1) for name, parts in found.items()}
    return {
        name: both[:, np.isfinite(both).all(axis=0)]
        for name, both in points.items()
        if np.isfinite(both).all(axis=0).any()
    }


def of_model(run):
    """Mean over classes of min(1, exponent share), and the error in percent."""
    shares, _ = _of_run(run)
    return np.nanmean(np.minimum(1, shares)), 100 - run["accuracy"]["all"]


def _of_run(run):
    shares = np.array(run["exponent_per_class"], dtype=float)
    return shares, 100 - np.array(run["accuracy"]["per_class"], dtype=float)


def draw(results):
    """The figure and its caption, of results that hold `exponent_per_class`."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    points = by_class(results)
    _draw_classes(left, points)
    models = np.array([of_model(run) for run in results]).T
    _draw_models(right, results, models)
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


def _draw_classes(axes, points):
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
            label=f"{name} shot ({signed(spearman(shares, errors), 2)})",
        )
    axes.set_xscale("symlog", linthresh=0.1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.set_xlim(-0.012, max(1.5, 1.5 * together[0].max()))
    axes.set_ylim(-4, 104)
    axes.set_xlabel("exponent of the class (share of the optimum)")
    axes.set_title(
        f"By class: Spearman {signed(spearman(*together), 2)}, "
        f"{together.shape[1]:,} points",
        loc="left",
    )
    axes.legend(loc="lower left", frameon=False)  # few errors at a small exponent: rare
    axes.grid(alpha=0.25)


def _draw_models(axes, results, models):
    for run, point in zip(results, models.T, strict=True):
        style = {"color": COLORS[run["alignment"]], "fillstyle": FILLS[run["method"]]}
        marker = MARKERS[run["alignment"]]
        axes.plot(*point, marker, markersize=5, markerfacecoloralt="white", **style)
    for name in dict.fromkeys(run["alignment"] for run in results):
        label = "no alignment" if name == "none" else ALIGNMENTS[name]
        axes.plot([], [], MARKERS[name], color=COLORS[name], markersize=5, label=label)
    methods = dict.fromkeys(run["method"] for run in results)
    for method in methods if len(methods) > 1 else ():
        style = {"color": "gray", "fillstyle": FILLS[method], "label": METHODS[method]}
        axes.plot([], [], "o", markersize=5, markerfacecoloralt="white", **style)
    axes.margins(0.1)
    axes.set_xlabel("mean exponent share of the classes, each at most 1")
    axes.set_title(
        f"By model: Spearman {signed(spearman(*models), 2)}, {len(results)} runs",
        loc="left",
    )
    axes.figure.legend(
        *axes.get_legend_handles_labels(), loc="outside lower right", ncols=4
    )
    axes.grid(alpha=0.25)
