"""Our figure: what is gained after training, on every data set that was compared."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.names import METHODS
from keras_spa.plots import PALETTE
from reporting import posthoc_page
from reporting.posthoc_page import ADJUSTED, ALIGNED, FITTED, PAPER, Comparisons
from reporting.statistics import Gain

STYLES = {  # marker and color, from above to below within a row
    PAPER: ("^", PALETTE["vermilion"]),
    ADJUSTED: ("s", PALETTE["orange"]),
    ALIGNED: ("o", PALETTE["blue"]),
    FITTED: ("D", PALETTE["green"]),
}
NAMES = {PAPER: "the paper's SpA-SLERP, chosen on held-out images"}
SPREAD = 0.18  # between the methods of a row


def draw(comparisons: Mapping[str, Comparisons]) -> tuple[Figure, str]:
    """The figure and its caption, of comparisons by the title of their data set."""
    trainings = [
        name
        for name in METHODS
        if any(name == key[0] for runs in comparisons.values() for key in runs)
    ]
    height = 1.2 + 0.75 * len(comparisons)
    figure = Figure(figsize=(7, height), layout="constrained")
    panels = figure.subplots(1, len(trainings), sharey=True, squeeze=False)[0]
    for axes, training in zip(panels, trainings, strict=True):
        _draw_panel(axes, training, comparisons)
    panels[0].set_yticks(range(len(comparisons)), list(comparisons))
    panels[0].set_ylim(len(comparisons) - 0.5, -0.5)
    shown: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
    figure.legend(list(shown.values()), list(shown), loc="outside lower right", ncols=2)
    seeds = [
        sum(name == training for name, _ in runs)
        for runs in comparisons.values()
        for training in {name for name, _ in runs}
    ]
    most = str(max(seeds))
    number = most if min(seeds) == max(seeds) else f"{min(seeds)} to {most}"
    return figure, (
        "Test accuracy gained after training, in points over the same model untouched: "
        f"mean and 95 % interval of {number} seeds (a single one "
        "has no interval). `spa.align` aligns the classifier in the metric of the "
        "features' noise and holds nothing out; with held-out images its three numbers "
        "are fitted on them."
    )


def _draw_panel(
    axes: Axes, training: str, comparisons: Mapping[str, Comparisons]
) -> None:
    shift = SPREAD * (np.arange(len(STYLES)) - (len(STYLES) - 1) / 2)
    for offset, (method, (marker, color)) in zip(shift, STYLES.items(), strict=True):
        rows, gains = [], []
        for row, runs in enumerate(comparisons.values()):
            gain = _gain(runs, training, method)
            if gain is not None:
                rows.append(row + offset)
                gains.append(gain)
        if not gains:
            continue
        means = [gain.mean for gain in gains]
        halves = [np.nan_to_num(gain.high - gain.mean) for gain in gains]
        axes.errorbar(
            means,
            rows,
            xerr=halves,
            fmt=marker,
            color=color,
            markersize=4.5,
            lw=1.2,
            label=NAMES.get(method, method),
        )
    axes.axvline(0, color="black", lw=0.8)
    axes.grid(axis="x", alpha=0.25)
    axes.set_xlabel("gain (points)")
    axes.set_title(f"after {METHODS[training]}", loc="left")


def _gain(runs: Comparisons, training: str, method: str) -> Gain | None:
    """The gain of a method, None where it was not compared."""
    if any(name == training and method in done for (name, _), done in runs.items()):
        return posthoc_page.gain(runs, training, method)
    return None
