"""The picture of a `CollapseReport`."""

import pathlib
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_spa import plots
from keras_spa._types import Array

if TYPE_CHECKING:
    from keras_spa.trained.collapse_report import CollapseReport

MOST_JOINED = 200  # classes whose cosines a line joins
SHOWN = 7  # classes of very many that are named
COSINE, ACCURACY = plots.PALETTE["blue"], plots.PALETTE["orange"]
DISTANCE, WRONG = plots.PALETTE["green"], plots.PALETTE["vermilion"]


def draw_report(report: "CollapseReport", path: pathlib.Path) -> None:
    """Classes from head to tail, histogram of angles, verdict on top."""
    from matplotlib.figure import Figure

    known = report.noise_known
    places, names = _names(report)
    height = (6.5 if known else 4.7) + names.inches
    with plots.style():
        figure = Figure(figsize=(10, height), layout="constrained")
        panels: dict[str, Any] = figure.subplot_mosaic(
            "CA;DA" if known else "CA",
            width_ratios=(2.2, 1),
            height_ratios=(2, 1) if known else None,
        )
        lowest = panels["C"]
        if known:
            lowest = panels["D"]
            lowest.sharex(panels["C"])
            panels["C"].tick_params(labelbottom=False)
            _draw_distances(lowest, report)
        _draw_classes(panels["C"], report)
        names.put(lowest, places)
        lowest.set_xlabel("class and its training images, from head to tail")
        _draw_angles(panels["A"], report)
        figure.suptitle(textwrap.fill(report.verdict, 110), size=10)
        plots.save(figure, path)


def _draw_classes(axes: Any, report: "CollapseReport") -> None:
    order = report.head_to_tail
    cosines = np.asarray(report.cosines)[order]
    accuracies = np.asarray(report.accuracy_per_class)[order]
    place = np.arange(len(order))
    marks: dict[str, Any] = {"markersize": 5 if len(order) <= 40 else 2, "lw": 1}
    if len(order) > MOST_JOINED:
        marks["lw"] = 0
    axes.bar(
        place,
        accuracies,
        color=ACCURACY,
        alpha=0.45,
        width=0.85,
        label="accuracy of the class",
    )
    label = f"cosine of weight and {_aim(report)}"
    axes.plot(place, cosines, "o-", color=COSINE, label=label, **marks)
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylim(min(0, np.nanmin(cosines, initial=0)) * 1.1, 1.05)
    axes.set_yticks(np.arange(0, 1.1, 0.2))
    axes.set_xlim(-0.6, len(order) - 0.4)
    plots.legend_above(axes, "Alignment and accuracy by class", columns=2)


def _draw_distances(axes: Any, report: "CollapseReport") -> None:
    order = report.head_to_tail
    distances = np.asarray(report.distance_per_class)[order]
    drawn = np.where(np.isfinite(distances), distances, 0)
    colors = [DISTANCE if distance > 0 else WRONG for distance in distances]
    axes.bar(np.arange(len(order)), drawn, color=colors, width=0.85)
    axes.axhline(0, color="black", lw=0.6)
    axes.set_ylabel("standard deviations")
    axes.set_title("Distance of the class mean from its nearest boundary")


def _aim(report: "CollapseReport") -> str:
    return "optimum" if report.noise_known else "class mean"


def _names(report: "CollapseReport") -> tuple[Array, plots.Labels]:
    """Names and training images of all classes, or of some, and their places."""
    order = report.head_to_tail
    shown = np.arange(len(order))
    if len(order) > plots.MOST_NAMES:
        shown = np.linspace(0, len(order) - 1, SHOWN).round().astype(int)
    names = [report.class_names[order[i]] for i in shown]
    counts = [f"{report.class_counts[order[i]]:,}" for i in shown]
    return shown, plots.labels(names, 6.0, counts)


def _draw_angles(axes: Any, report: "CollapseReport") -> None:
    order = report.head_to_tail
    cosines = np.asarray(report.cosines)
    groups = report.shots()
    angles = [
        np.degrees(np.arccos(np.clip(cosines[c], -1, 1))) for c in groups.values()
    ]
    axes.hist(
        angles,
        bins=np.arange(0, 185, 5 if len(order) > 20 else 10),
        stacked=True,
        color=[plots.SHOT_COLORS[name] for name in groups],
        label=[f"{name} shot" for name in groups],
    )
    axes.set_xlim(0, max(90, *(np.max(part) + 5 for part in angles)))
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(f"angle of weight and {_aim(report)} (°)")
    axes.set_ylabel("classes")
    plots.legend_above(axes, "Angles (0: aligned)", columns=3)
