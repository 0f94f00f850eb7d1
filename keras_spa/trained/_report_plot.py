"""The picture of a `CollapseReport`."""

import pathlib
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_spa import plots

if TYPE_CHECKING:
    from keras_spa.trained.collapse_report import CollapseReport

MOST_NAMES, NAME_WIDTH = 12, 10
COSINE, ACCURACY = plots.PALETTE["blue"], plots.PALETTE["orange"]
DISTANCE, WRONG = plots.PALETTE["green"], plots.PALETTE["vermilion"]


def draw_report(report: "CollapseReport", path: pathlib.Path) -> None:
    """Classes from head to tail, histogram of angles, verdict on top."""
    from matplotlib.figure import Figure

    known = report.noise_known
    with plots.style():
        figure = Figure(figsize=(10, 6.4 if known else 4.6), layout="constrained")
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
    shown = place
    if len(order) > MOST_NAMES:
        shown = np.linspace(0, len(order) - 1, 7).round().astype(int)
    axes.set_xticks(shown, [_label(report, order[i]) for i in shown])
    axes.set_ylim(min(0, np.nanmin(cosines, initial=0)) * 1.1, 1.2)
    axes.set_yticks(np.arange(0, 1.1, 0.2))
    axes.set_xlim(-0.6, len(order) - 0.4)
    axes.set_title("Alignment and accuracy by class")
    axes.legend(loc="upper right", ncols=2, frameon=False)


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


def _label(report: "CollapseReport", c: int) -> str:
    return f"{report.class_names[c][:NAME_WIDTH]}\n{report.class_counts[c]:,}"


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
    axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
    axes.set_xlabel(f"angle of weight and {_aim(report)} (°)")
    axes.set_ylabel("classes")
    axes.set_title("Angles (0: aligned)")
    axes.legend(loc="upper right", frameon=False)
