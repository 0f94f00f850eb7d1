"""The picture of `describe`."""

import pathlib
import textwrap
from typing import Any

import numpy as np

from keras_spa import plots
from keras_spa._types import Array
from keras_spa.data.long_tailed_data import LongTailedData
from keras_spa.plots import SHOT_COLORS

SAMPLES, PIXELS, GAP = 4, 160, 8
MOST_BARS, MOST_NUMBERS = 120, 12
WIDTH = 9  # of the figure in inches


def draw_description(
    data: LongTailedData,
    groups: dict[str, Array],
    limits: dict[str, str],
    path: pathlib.Path,
    log: bool,
) -> None:
    """Draws the long tail and sample images into a file, whole or not at all."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    samples = _samples(data)
    names = _names(data)
    height = 3.9 + (names.inches if names else 0.3)
    with plots.style():
        layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.04)
        figure = Figure(figsize=(WIDTH, height + bool(samples)), layout=layout)
        columns = max(1, len(samples))
        grid = figure.add_gridspec(
            2 if samples else 1,
            columns,
            height_ratios=([height, 1] if samples else None),
        )
        axes = figure.add_subplot(grid[0, :])
        _draw_counts(axes, data, groups, limits, log)
        _label(axes, data, names)
        for i, (c, images) in enumerate(samples.items()):
            _draw_samples(figure.add_subplot(grid[1, i]), data, c, images)
        plots.save(figure, path)


def _draw_counts(
    axes: Any,
    data: LongTailedData,
    groups: dict[str, Array],
    limits: dict[str, str],
    log: bool,
) -> None:
    counts = data.class_counts
    ranked = np.argsort(-counts, kind="stable")
    heights, floor = counts[ranked], 0.5 if log else 0
    edges = np.arange(len(counts) + 1) + 0.5
    start = 0
    for group, classes in groups.items():
        end = start + len(classes)
        if end == start:
            continue
        share = counts[classes].sum() / counts.sum()
        label = (
            f"{group} ({limits[group]}): {len(classes)} of {len(counts):,} classes, "
            f"{share:.0%} of images"
        )
        axes.axvspan(
            edges[start], edges[end], color=SHOT_COLORS[group], alpha=0.12, lw=0
        )
        if len(counts) <= MOST_BARS:
            axes.bar(
                np.arange(start, end) + 1,
                heights[start:end] - floor,
                bottom=floor,
                width=0.84,
                color=SHOT_COLORS[group],
                label=label,
            )
        else:
            axes.stairs(
                heights[start:end],
                edges[start : end + 1],
                baseline=floor,
                fill=True,
                color=SHOT_COLORS[group],
                label=label,
            )
        start = end
    axes.set_xlim(edges[0], edges[-1])
    if log:
        axes.set_yscale("log")
        axes.set_ylim(floor, heights[0] * 2)
    else:
        axes.set_ylim(0, heights[0] * 1.1)
    factor = heights[0] / heights[-1]
    title = (
        f"{plots.short(data.name, 60)}: {counts.sum():,} training images of "
        f"{len(counts):,} classes, imbalance factor {factor:.4g}"
    )
    plots.legend_above(axes, title, columns=1)
    axes.set_ylabel("training images")
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _names(data: LongTailedData) -> plots.Labels | None:
    """Names from head to tail; None: there are too many."""
    if data.num_classes > plots.MOST_NAMES:
        return None
    ranked = np.argsort(-data.class_counts, kind="stable")
    return plots.labels([data.class_names[c] for c in ranked], WIDTH - 0.8)


def _label(axes: Any, data: LongTailedData, names: plots.Labels | None) -> None:
    """All names, and the numbers of a few classes; or the first and the last name."""
    ranked = np.argsort(-data.class_counts, kind="stable")
    counts = data.class_counts[ranked]
    if names is None:
        first, last = (
            f"{plots.short(data.class_names[ranked[i]], 30)} ({counts[i]:,})"
            for i in (0, -1)
        )
        axes.set_xlabel(f"classes, most frequent first: from {first} to {last}")
        return
    names.put(axes, range(1, len(ranked) + 1))
    if len(ranked) <= MOST_NUMBERS:
        offset = {"xytext": (0, 3), "textcoords": "offset points"}
        for i, count in enumerate(counts):
            axes.annotate(f"{count:,}", (i + 1, count), ha="center", **offset)


def _samples(data: LongTailedData) -> dict[int, list[Array]]:
    """`{class: images}` of a head, a medium and a tail class; {} without pixels."""
    first = data.train.images[0] if len(data.train.labels) else None
    if first is None or first.size == 0:
        return {}
    ranked = np.argsort(-data.class_counts, kind="stable")
    chosen = dict.fromkeys((ranked[0], ranked[len(ranked) // 2], ranked[-1]))
    return {
        c: [
            _square(data.train.images[i])
            for i in np.flatnonzero(data.train.labels == c)[:SAMPLES].tolist()
        ]
        for c in chosen
    }


def _square(image: Array) -> Array:
    """The middle of an image as RGB, (PIXELS, PIXELS, 3)."""
    from PIL import Image

    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    image = image[top : top + side, left : left + side]
    if channels < 3:  # grey, of any range: some data sets count from 0 to 16
        image = np.repeat(image[..., :1] * (255 // max(1, image[..., 0].max())), 3, -1)
    small = side < PIXELS
    size = Image.fromarray(image[..., :3].astype("uint8")).resize(
        (PIXELS, PIXELS),
        Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS,
    )
    return np.asarray(size)


def _draw_samples(axes: Any, data: LongTailedData, c: int, images: list[Array]) -> None:
    row = np.full((PIXELS, SAMPLES * (PIXELS + GAP) - GAP, 3), 255, "uint8")
    for i, image in enumerate(images):
        row[:, i * (PIXELS + GAP) :][:, :PIXELS] = image
    axes.imshow(row)
    axes.set_axis_off()
    number = f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{data.class_counts[c]:,}"
    title = f"{plots.short(data.class_names[c])}, {number}"
    axes.set_title(textwrap.fill(title, 32), fontsize=plots.SIZE)
