"""Figures 1a, 2 and 4 from result files of runs with cross-entropy.

Each takes `runs`, `{alignment: [result of each seed]}` at an imbalance factor.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from engine.names import ALIGNMENTS
from reporting.statistics import mean_std, paired_gain
from reporting.styles import COLORS, LINES, MARKERS
from reporting.summary import Result, third_of_classes

Runs = Mapping[str, Sequence[Result]]
MOST_MARKED = 30  # classes that a line has markers for
COSINE = "mean cosine of weight and class mean"


def accuracy_and_cosine(runs: Runs, factor: float) -> tuple[Figure, str]:
    """Figure 1a and its caption: one point a seed, lines join a seed's runs."""
    order = [a for a in ("misaligned", "none", "spa_reg") if a in runs]
    seeds = sorted({run["seed"] for a in order for run in runs[a]})
    figure = Figure(figsize=(7, 2.9), layout="constrained")
    panels = (
        ("Accuracy", "accuracy (%)", 1, lambda run: run["accuracy"]["all"]),
        ("Cosine", COSINE, 2, lambda run: run["cosine"]),
    )
    for axes, panel in zip(figure.subplots(1, 2), panels, strict=True):
        name, label, digits, value = panel
        by_seed = {a: {run["seed"]: value(run) for run in runs[a]} for a in order}
        for seed in seeds:
            joined = [by_seed[a].get(seed, np.nan) for a in order]
            axes.plot(joined, color="silver", lw=0.8, zorder=1)
        for place, a in enumerate(order):
            values = list(by_seed[a].values())
            spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
            style = {"marker": MARKERS[a], "color": COLORS[a]}
            axes.scatter([place] * len(values), values, s=14, alpha=0.5, **style)
            axes.errorbar(
                place + 0.12, np.mean(values), spread, capsize=3, markersize=8, **style
            )
            axes.annotate(
                mean_std(values, digits),
                (place + 0.12, np.mean(values)),
                (8, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_xticks(range(len(order)), [_name(a) for a in order])
        axes.set_xlim(-0.3, len(order) - 0.05)
        axes.margins(y=0.12)
        axes.set_ylabel(label)
        axes.set_title(f"{name}: {_gains(by_seed, digits)}", loc="left")
        axes.grid(axis="y", alpha=0.25)
    return figure, (
        f"Accuracy on {runs['none'][0]['split']} images (left) and alignment (right) "
        "of cross-entropy, of the same with SpA-Reg, and misaligned on purpose by "
        f"SpA-Reg of negative strength, at imbalance factor {factor:g}. Small markers: "
        "seeds, joined by lines; large: mean and standard deviation over seeds. "
        "Cosines are those between weights and centred class means of the training "
        "features."
    )


def _gains(by_seed: Mapping[str, Mapping[int, float]], digits: int) -> str:
    """ "SpA-Reg +0.4, misaligned −2.7": means of the differences paired by seed."""
    texts = []
    for a in ("spa_reg", "misaligned"):
        if gain := paired_gain(by_seed[a], by_seed["none"]):
            texts.append(f"{_name(a)} {signed(gain.mean, digits)}")
    return ", ".join(texts)


def signed(value: float, digits: int) -> str:
    """A number with its sign, as figures print it; a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:+.{digits}f}".replace("-", "−")


def cosine_by_class(panels: Mapping[float, Runs]) -> tuple[Figure, str]:
    """Figure 2 and its caption; `panels` is `{imbalance factor: runs}`."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    subplots = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (factor, runs) in zip(subplots, panels.items(), strict=True):
        counts = np.array(next(iter(runs.values()))[0]["class_counts"])
        order = np.argsort(-counts, kind="stable")
        for a, seeds in runs.items():
            cosines = _numbers(run["cosine_per_class"] for run in seeds)[:, order]
            _draw_line(axes, np.arange(len(order)), cosines, a, len(order))
            if a == "none":
                thirds = [third_of_classes(run, "cosine_per_class") for run in seeds]
                head, tail = np.mean(thirds, axis=0)
        shown = np.linspace(0, len(order) - 1, min(len(order), 10)).round().astype(int)
        axes.set_xticks(shown, [f"{counts[order[i]]:,}" for i in shown])
        axes.set_xlabel("training images of the class, from head to tail")
        axes.set_title(
            f"IF {factor:g}, cross-entropy: head third {head:.2f}, tail {tail:.2f}",
            loc="left",
        )
        axes.grid(alpha=0.25)
    subplots[0].set_ylabel("cosine of weight and class mean")
    drawn = max(subplots, key=lambda axes: len(axes.lines))  # the one with most runs
    figure.legend(
        *drawn.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(drawn.lines),
        frameon=False,
    )
    factors = " and ".join(f"{factor:g}" for factor in panels)
    return figure, (
        "Cosine of each class's weight and centred mean of its training features, from "
        f"the most to the least frequent class, at imbalance factor {factors}, trained "
        "with cross-entropy and each alignment that was run. Lines: mean over seeds; "
        "bands: their range. Titles: mean over the most frequent and over the rarest "
        "third of the classes, without alignment."
    )


def curves_by_epoch(runs: Runs, factor: float) -> tuple[Figure, str]:
    """Figure 4 and its caption."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    validated = all("val_accuracy" in run["history"] for a in runs for run in runs[a])
    last: dict[str, dict[str, float]] = {"accuracy": {}, "alignment": {}}
    for a, seeds in runs.items():
        cosines = _numbers(run["history"]["alignment"] for run in seeds)
        accuracies = _numbers(run["history"]["accuracy"] for run in seeds) * 100
        epochs = 1 + np.arange(cosines.shape[1])
        _draw_line(right, epochs, cosines, a)
        if validated:
            # What is not looked at every epoch is looked at every so many.
            val = _numbers(run["history"]["val_accuracy"] for run in seeds) * 100
            every = len(epochs) // val.shape[1]
            _draw_line(left, every * (1 + np.arange(val.shape[1])), val, a)
            style = {"color": COLORS[a], "linestyle": LINES[a], "lw": 0.7}
            left.plot(epochs, accuracies.mean(axis=0), **style)
            accuracies = val
        else:
            _draw_line(left, epochs, accuracies, a)
        last["accuracy"][a] = accuracies[:, -1].mean()
        last["alignment"][a] = cosines[:, -1].mean()
    kind = "validation" if validated else "training"
    for axes, name, what, form in (
        (left, "accuracy", f"{kind} accuracy", ".1f"),
        (right, "alignment", "cosine", ".2f"),
    ):
        ends = [f"{last[name][a]:{form}}" for a in ("none", "spa_reg")]
        axes.set_title(f"Last {what}: {ends[0]}, SpA-Reg {ends[1]}", loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.grid(alpha=0.25)
    left.set_ylabel("accuracy (%)")
    right.set_ylabel(COSINE)
    figure.legend(
        *right.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=len(runs),
        frameon=False,
    )
    accuracy = (
        "accuracy on held-out validation images; thin: on training images"
        if validated
        else "accuracy on training images (no run has looked at validation images)"
    )
    return figure, (
        f"Training with cross-entropy at imbalance factor {factor:g}. Left: "
        f"{accuracy}. Right: mean cosine between weights and running class means, "
        "averaged over the epoch. Lines: mean over seeds; bands: their range."
    )


def _draw_line(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    alignment: str,
    marked: int = MOST_MARKED + 1,
) -> None:
    """Mean over the rows of `values` (seeds, n), and their range."""
    color = COLORS[alignment]
    marker = MARKERS[alignment] if marked <= MOST_MARKED else None
    axes.plot(
        x,
        values.mean(axis=0),
        linestyle=LINES[alignment],
        color=color,
        marker=marker,
        markersize=4,
        label=_name(alignment),
    )
    if len(values) > 1:
        axes.fill_between(
            x, values.min(axis=0), values.max(axis=0), color=color, alpha=0.1, lw=0
        )


def _numbers(rows: Iterable[Sequence[float | None]]) -> np.ndarray:
    """Array (seeds, n) of lists that may hold None."""
    return np.array(list(rows), dtype=float)


def _name(alignment: str) -> str:
    return "cross-entropy" if alignment == "none" else ALIGNMENTS[alignment]
