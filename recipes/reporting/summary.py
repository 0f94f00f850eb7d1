"""Result files in, table and picture out."""

import io
import json
import pathlib

import matplotlib
import numpy as np

matplotlib.use("Agg")
from engine import storage
from engine.methods import ALIGNMENTS, METHODS
from matplotlib import pyplot as plt

MARKERS = dict(zip(ALIGNMENTS, "os^Dv", strict=True))
# Okabe and Ito's palette: told apart by the colour-blind and in grey.
COLORS = dict(
    zip(
        ALIGNMENTS, ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00"), strict=True
    )
)


def load(folder, names="*.json"):
    """The result files of a folder, in the order of the table."""
    paths = pathlib.Path(folder).glob(names)
    results = [json.loads(path.read_text()) for path in paths]
    methods, alignments = list(METHODS), list(ALIGNMENTS)
    return sorted(
        results,
        key=lambda r: (
            methods.index(r["method"]),
            alignments.index(r["alignment"]),
            r["seed"],
        ),
    )


def by_configuration(results):
    """`{(method, alignment): [result of each seed]}` in the order of the results."""
    groups = {}
    for result in results:
        groups.setdefault((result["method"], result["alignment"]), []).append(result)
    return groups


def mean_std(values, digits=1, sign=""):
    """ "64.8 ± 1.3" (sample standard deviation), "64.8" of one value, "-" of none."""
    if any(value is None for value in values) or not values:
        return "-"
    text = f"{np.mean(values):{sign}.{digits}f}"
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return text + spread


def table(results):
    """Markdown table: accuracy in percent, mean ± standard deviation over seeds.

    `gain` is the paired difference to the same method without alignment; `cosine` is
    between weights and centred class means of the training features.
    """
    header = ["method", "alignment", "all", "many", "medium", "few"]
    rows = [[*header, "gain", "cosine", "training"]]
    groups = by_configuration(results)
    for (method, alignment), runs in groups.items():
        shots = [[r["accuracy"][group] for r in runs] for group in header[2:]]
        baseline = {
            r["seed"]: r["accuracy"]["all"] for r in groups.get((method, "none"), [])
        }
        gains = [
            r["accuracy"]["all"] - baseline[r["seed"]]
            for r in runs
            if r["seed"] in baseline and alignment != "none"
        ]
        rows.append(
            [
                METHODS[method],
                ALIGNMENTS[alignment],
                *(mean_std(values) for values in shots),
                mean_std(gains, sign="+"),
                mean_std([r["cosine"] for r in runs], digits=2),
                mean_std([r["train_accuracy"] for r in runs]),
            ]
        )
    return markdown(rows)


def markdown(rows):
    """A Markdown table of rows of strings, the first one its header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"


def picture(results, path):
    """Accuracy against alignment, and cosine by class from head to tail, as PNG."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    _accuracy_against_alignment(left, results)
    _cosine_by_class(right, results)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    plt.close(figure)
    storage.write_atomically(path, buffer.getvalue())


def _accuracy_against_alignment(axes, results):
    for (method, alignment), runs in by_configuration(results).items():
        cosines = [r["cosine"] for r in runs]
        accuracies = [r["accuracy"]["all"] for r in runs]
        color = COLORS[alignment]
        axes.scatter(
            cosines,
            accuracies,
            s=14,
            color=color,
            alpha=0.45,
            marker=MARKERS[alignment],
        )
        axes.scatter(
            np.mean(cosines),
            np.mean(accuracies),
            s=90,
            marker=MARKERS[alignment],
            edgecolors=color,
            facecolors=color if method == "ce" else "white",
            linewidths=1.8,
            zorder=3,
        )
    methods = dict.fromkeys(r["method"] for r in results)
    present = dict.fromkeys(r["alignment"] for r in results)
    handles = [
        plt.Line2D(
            [], [], ls="", marker=MARKERS[a], color=COLORS[a], label=ALIGNMENTS[a]
        )
        for a in present
    ] + [
        plt.Line2D(
            [],
            [],
            ls="",
            marker="o",
            color="gray",
            markerfacecolor="gray" if m == "ce" else "white",
            label=METHODS[m],
        )
        for m in methods
    ]
    axes.legend(handles=handles, fontsize=8, loc="best", frameon=False)
    axes.set_xlabel("alignment: mean cosine of weights and class means")
    axes.set_ylabel("accuracy (%)")
    seeds = len({r["seed"] for r in results})
    axes.set_title(
        f"Accuracy against alignment (large: mean of {seeds} seeds)", size=10
    )
    axes.grid(alpha=0.25)


def _cosine_by_class(axes, results):
    method = results[0]["method"]
    for (of, alignment), runs in by_configuration(results).items():
        if of == method:
            axes.plot(
                np.mean([r["cosine_per_class"] for r in runs], axis=0),
                marker=MARKERS[alignment],
                color=COLORS[alignment],
                markersize=5,
                label=ALIGNMENTS[alignment],
            )
    counts = results[0]["class_counts"]
    shown = np.unique(np.linspace(0, len(counts) - 1, 10).round().astype(int))
    axes.set_xticks(shown, [f"{c}\n{counts[c]}" for c in shown])
    axes.set_xlabel("class, and its training images")
    axes.set_ylabel("cosine of weight and class mean")
    axes.set_title(f"Alignment from head to tail, {METHODS[method]}", size=10)
    axes.legend(fontsize=8, loc="best", frameon=False)
    axes.grid(alpha=0.25)
