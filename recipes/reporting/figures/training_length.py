"""Our figure: accuracy against the length of training, with and without alignment."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from engine.names import ALIGNMENTS, METHODS
from reporting.styles import COLORS, LINES, MARKERS
from reporting.training_length import METHOD, TURNED, Training


def draw(trainings: Sequence[Training]) -> tuple[Figure, str]:
    """A panel a data set, a point a training of its own, and the caption."""
    titles = list(dict.fromkeys(one.data for one in trainings))
    figure = Figure(figsize=(7, 2.9), layout="constrained")
    panels = figure.subplots(1, len(titles), squeeze=False)[0]
    for axes, title in zip(panels, titles, strict=True):
        for alignment in ("none", TURNED):
            _draw_line(axes, [one for one in trainings if one.data == title], alignment)
        axes.set_xticks(sorted({one.epochs for one in trainings}))
        axes.margins(0.12)
        axes.set_xlabel("epochs of training")
        axes.set_title(title, loc="left")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("accuracy (%)")
    panels[0].legend(loc="lower right")
    seeds = [len(a) for one in trainings for a in one.accuracies.values() if a]
    least, most = min(seeds), max(seeds)
    number = str(most) if least == most else f"{least} to {most}"
    return figure, (
        "Test accuracy against the length of training, each point a training with a "
        f"schedule of its own: {METHODS[METHOD]}, and with {ALIGNMENTS[TURNED]}. "
        f"Mean and standard deviation of {number} seeds (one alone has none)."
    )


def _draw_line(axes: Axes, trainings: Sequence[Training], alignment: str) -> None:
    points = {
        one.epochs: list(one.accuracies[alignment].values())
        for one in trainings
        if one.accuracies[alignment]
    }
    axes.errorbar(
        list(points),
        [float(np.mean(values)) for values in points.values()],
        [float(np.std(v, ddof=1)) if len(v) > 1 else 0.0 for v in points.values()],
        color=COLORS[alignment],
        linestyle=LINES[alignment],
        marker=MARKERS[alignment],
        capsize=3,
        label=METHODS[METHOD] if alignment == "none" else f"+ {ALIGNMENTS[alignment]}",
    )
