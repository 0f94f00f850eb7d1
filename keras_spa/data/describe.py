import html
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_spa._types import Array, Path
from keras_spa.data._describe_plot import draw_description
from keras_spa.data._labels import as_list
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.metrics.shot_accuracy import shot_groups
from keras_spa.plots import check_path

BINS, BAR_WIDTH, NAME_WIDTH = 20, 40, 20


class Description(str):
    """Text whose columns stand in line in a notebook, too."""

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self)}</pre>"


def describe(
    data: Any,
    path: Path | None = None,
    *,
    class_names: Sequence[str] | None = None,
    many: float = 100,
    few: float = 20,
    log: bool = False,
) -> str:
    """The long tail of a data set in words and bars, and as a picture.

    Args:
        data: `LongTailedData`, or the training labels alone: integers (N,) in 0..K−1.
        path: Where to write the picture, a name ending in .png or .svg: training
            images a class, the groups of classes shaded, and images of a head, a
            medium and a tail class if there are any. None (default): no picture.
        class_names: K strings, for labels alone. Defaults to the labels.
        many: Classes with more training images are "many". Defaults to 100.
        few: Classes with fewer are "few", the others "medium". Defaults to 20.
        log: Whether the picture counts images on a logarithmic axis, which shows the
            tail of a very long one. Defaults to False.

    Returns:
        The text, with one bar a class or, of more than 20 classes, a bar for classes
        of similar frequency. A notebook shows it as it is printed.

    Raises:
        ValueError: labels that are no integers from 0, a class without images, `few`
            above `many`, another ending of `path`, or a damaged image.
        FileNotFoundError: no folder to write the picture into.

    Example:

    >>> import keras_spa as spa
    >>> print(spa.data.describe([0] * 8 + [1] * 4 + [2], many=5, few=3))
    data: 13 training images of 3 classes
    imbalance factor 8: from 8 images (class 0) to 1 (class 2)
    <BLANKLINE>
    many    > 5        1 class           8 images   62%
    medium  3..5       1 class           4 images   31%
    few     < 3        1 class           1 image     8%
    <BLANKLINE>
    class 0  8  ████████████████████████████████████████
    class 1  4  ████████████████████
    class 2  1  █████

    Reference: Liu et al. (CVPR 2019), "Large-Scale Long-Tailed Recognition in an Open
    World", section 4 (the groups); the rest is ours.
    """
    if not isinstance(data, LongTailedData):
        data = _labels_alone(data, class_names)
    elif class_names is not None:
        raise ValueError(
            "Argument `class_names` must be None for LongTailedData, which has its "
            f"own. Received: class_names={class_names!r}"
        )
    groups = shot_groups(data.class_counts, many, few)
    if path is not None:
        path = check_path(path)
    limits = {
        "many": f"> {float(many):g}",
        "medium": f"{float(few):g}..{float(many):g}",
        "few": f"< {float(few):g}",
    }
    paragraphs = [_summary(data), _shots(data, groups, limits), _bars(data)]
    if path is not None:
        draw_description(data, groups, limits, path, log)
    return Description("\n\n".join(paragraphs))


def _labels_alone(labels: Array, class_names: Sequence[str] | None) -> LongTailedData:
    labels = as_list(labels, "data")
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not labels.size:
        raise ValueError(
            "Argument `data` must be LongTailedData or a list of integer labels. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    if not (class_names is None or hasattr(class_names, "__len__")) or isinstance(
        class_names, (str, bytes, type)
    ):
        raise ValueError(
            "Argument `class_names` must be a list of strings. "
            f"Received: class_names={class_names!r}"
        )
    if class_names is None:
        classes = np.unique(labels)
        if not np.array_equal(classes, np.arange(len(classes))):
            raise ValueError(
                "Argument `data` must hold labels 0..K−1 without a gap, or come with "
                f"`class_names`. Received: {len(classes)} different labels, from "
                f"{classes[0]} to {classes[-1]}"
            )
        class_names = [f"class {c}" for c in classes]
    # As many images as labels, of no pixels.
    images = np.empty((len(labels), 0, 0, 0), "uint8")
    return LongTailedData("data", Split(images, labels), None, None, tuple(class_names))


def _amount(number: int, singular: str, plural: str) -> str:
    return f"{number:,} {singular if number == 1 else plural}"


def _images(number: int) -> str:
    return _amount(number, "image", "images")


def _summary(data: LongTailedData) -> str:
    counts = data.class_counts
    most, *_, least = np.argsort(-counts, kind="stable")
    lines = [
        f"{data.name}: {counts.sum():,} training images of {len(counts):,} classes",
        f"imbalance factor {counts[most] / counts[least]:.4g}: from "
        f"{_images(counts[most])} ({data.class_names[most]}) to {counts[least]:,} "
        f"({data.class_names[least]})",
    ]
    for name, split in data.splits().items():
        if name != "train":
            each = np.bincount(split.labels, minlength=len(counts))
            low, high = each.min(), each.max()
            spread = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            source = f" ({data.validation_source})" if name == "validation" else ""
            lines.append(
                f"{name}: {_images(len(split.labels))}, {spread} a class{source}"
            )
    if data.skipped:
        lines.append(f"left out as damaged: {_images(len(data.skipped))}")
    return "\n".join(lines)


def _shots(
    data: LongTailedData, groups: dict[str, Array], limits: dict[str, str]
) -> str:
    counts = data.class_counts
    lines = []
    for group, classes in groups.items():
        images = counts[classes].sum()
        lines.append(
            f"{group:<7} {limits[group]:<9} "
            f"{_amount(len(classes), 'class', 'classes'):>13} {_images(images):>17} "
            f"{images / counts.sum():>5.0%}"
        )
    return "\n".join(lines)


def _bars(data: LongTailedData) -> str:
    """A bar a class, most frequent first, or a bar for classes of adjoining ranks."""
    counts = data.class_counts
    ranked = np.argsort(-counts, kind="stable")
    if len(ranked) <= BINS:
        names = [data.class_names[c][:NAME_WIDTH] for c in ranked]
        values = counts[ranked]
        numbers = [f"{value:,}" for value in values]
    else:
        names, values = [], []
        start = 1
        for classes in np.array_split(ranked, BINS):
            names.append(f"rank {start}..{start + len(classes) - 1}")
            values.append(counts[classes].mean())
            start += len(classes)
        numbers = [f"{value:,.1f}" for value in values]
    name_width, number_width = max(map(len, names)), max(map(len, numbers))
    return "\n".join(
        f"{name:<{name_width}}  {number:>{number_width}}  {_bar(value / max(values))}"
        for name, number, value in zip(names, numbers, values, strict=True)
    )


def _bar(share: float) -> str:
    """A bar of up to BAR_WIDTH characters, to an eighth of one; never nothing."""
    eighths = max(1, round(share * BAR_WIDTH * 8))
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
