"""The pictures of report.html, as bytes."""

import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

import keras_spa as spa
from keras_spa import plots
from keras_spa._types import Array
from keras_spa.cli.watching import ACCURACY, History
from keras_spa.plots import PALETTE, SHOT_COLORS

MOST_NAMES, NAME_WIDTH = 60, 24
COLORS = {"as trained": PALETTE["black"], "aligned": PALETTE["blue"]}


def by_class(data: spa.data.LongTailedData, accuracies: dict[str, Array]) -> bytes:
    """SVG of the accuracies of all classes, from head to tail."""
    counts = data.class_counts
    order = np.argsort(-counts, kind="stable")
    ranks = np.arange(len(order))
    named = len(order) <= MOST_NAMES

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        _shade(axes, counts[order])
        for title, values in accuracies.items():
            shown, color = 100 * values[order], COLORS[title]
            mean = np.nanmean(shown)
            label = f"{title}: mean {mean:.1f} %"
            if named:
                axes.plot(ranks, shown, "o", color=color, label=label, alpha=0.8)
            else:
                axes.plot(ranks, shown, ".", ms=3, color=color, alpha=0.25)
                axes.plot(ranks, _smooth(shown), color=color, label=label)
        axes.set_xlim(-0.6, len(order) - 0.4)
        axes.set_ylim(-3, 103)
        axes.set_ylabel("accuracy (%)")
        if named:
            names = [data.class_names[c][:NAME_WIDTH] for c in order]
            axes.set_xticks(ranks, names, rotation=90)
        else:
            axes.set_xlabel("classes, most frequent first; lines: means of neighbours")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)

    return _svg(draw, (9, 4.5 if named else 3.6))


def history(history: History, best: int | None) -> bytes:
    """SVG of loss and held-out accuracy by epoch."""

    def draw(figure: Any) -> None:
        loss = figure.add_subplot(1, 2, 1)
        epochs = np.arange(len(history["loss"])) + 1
        loss.plot(epochs, history["loss"], ".-", color=PALETTE["black"])
        loss.set_title("training loss")
        if history.get(ACCURACY):
            held_out = figure.add_subplot(1, 2, 2)
            values = 100 * np.asarray(history[ACCURACY])
            held_out.plot(epochs, values, ".-", color=PALETTE["blue"])
            if best is not None:
                held_out.plot(
                    epochs[best], values[best], "o", ms=9, mfc="none", color="black"
                )
                held_out.set_title(
                    f"held-out balanced accuracy (%); best: epoch {best + 1}"
                )
        for axes in figure.axes:
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)

    return _svg(draw, (9, 3))


def drawn(folder: pathlib.Path, draw: Callable[[pathlib.Path], Any]) -> bytes:
    """PNG of what a function draws into a file, here a short-lived one in `folder`."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".picture.") as temporary:
        path = pathlib.Path(temporary) / "picture.png"
        draw(path)
        return path.read_bytes()


def _shade(axes: Any, counts: Array) -> None:
    """Shades the groups of classes by shots, and names them."""
    for group, classes in spa.metrics.shot_groups(counts).items():
        if not len(classes):
            continue
        left, right = classes[0] - 0.5, classes[-1] + 0.5
        axes.axvspan(left, right, color=SHOT_COLORS[group], alpha=0.1, lw=0)
        axes.text((left + right) / 2, 103, group, ha="center", va="bottom")


def _smooth(values: Array) -> Array:
    """Mean of a window of a twentieth of the classes about each."""
    window = max(1, len(values) // 20)
    kernel = np.ones(window)
    known = np.isfinite(values)
    sums = np.convolve(np.where(known, values, 0), kernel, "same")
    counts = np.convolve(known, kernel, "same")
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _svg(draw: Callable[[Any], None], size: tuple[float, float]) -> bytes:
    from matplotlib.figure import Figure

    with plots.style():
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        return plots.encoded(figure, "svg")
