import dataclasses
import json
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from keras_spa import markdown
from keras_spa._types import Array
from keras_spa.data._labels import distinct
from keras_spa.files import without_nan
from keras_spa.metrics.neural_collapse import NeuralCollapse
from keras_spa.metrics.shot_accuracy import shot_groups
from keras_spa.plots import check_path
from keras_spa.trained._report_plot import draw_report
from keras_spa.trained._verdict import verdict

MOST_ROWS = 20  # of the table by class
LEGEND = "*exponent*: of the class's errors, as a share of the optimum."
LEGEND_IN_NOISE = """*cosine*: of weight and optimum, in the metric of the noise.
*plain cosine*: of weight and class mean.
*distance*: from the class mean to its nearest boundary, in standard deviations of the
noise; negative if the mean itself is misclassified.
*exponent*: of the class's errors, as a share of the optimum."""


@dataclasses.dataclass(frozen=True)
class CollapseReport:
    """The answer of `diagnose`; print it for the verdict.

    Lists run over the K classes in the order of their labels; entries of classes
    without images are NaN.

    Args:
        class_names: K strings.
        class_counts: n, training images of each class.
        images: Images of each class that were looked at.
        dimension: d, of the features.
        accuracy: Share of the images that are classified correctly, in [0, 1].
        accuracy_per_class: The same of each class.
        cosine_per_class: Cosine of each class's weight and centred mean.
        exponent_per_class: E_c of `theory.error_exponent`, as a share of the optimal
            exponent: how fast errors vanish with the noise. The smallest of them is the
            exponent efficiency.
        metrics: The measures of `metrics.NeuralCollapse` by name.
        notes: Sentences about what is missing or cannot be.
        noise_cosine_per_class: The cosines in the metric of the noise: of weights and
            those of `theory.optimal_classifier`.
        noise_exponent_per_class: The exponents in it, as a share of the optimum in it.
        distance_per_class: `theory.boundary_distances` in it: of each class's mean from
            its nearest boundary, in standard deviations of the noise, negative if the
            mean itself is misclassified. The three are NaN if the features of a class
            are all equal, and [] (default) if unknown.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> report = spa.CollapseReport(
    ...     class_names=["cat", "emu"], class_counts=[90, 10], images=[50, 50],
    ...     dimension=8, accuracy=0.8, accuracy_per_class=[1.0, 0.6],
    ...     cosine_per_class=[0.9, 0.4], exponent_per_class=[1.2, 0.3],
    ...     metrics={"nc3_cosine": 0.65, "exponent_efficiency": 0.3}, notes=[],
    ... )
    >>> print(report)  # of features whose noise is not known
    Misaligned, most in the tail: mean cosine 0.65 of weights and class means (0.90 for
    the most frequent third of the classes, 0.40 for the rarest). The classifier uses
    30 % of what its features' means allow. Accuracy 80.0 %.

    Reference: ours.
    """

    class_names: list[str]
    class_counts: list[float]
    images: list[int]
    dimension: int
    accuracy: float
    accuracy_per_class: list[float]
    cosine_per_class: list[float]
    exponent_per_class: list[float]
    metrics: dict[str, float]
    notes: list[str]
    noise_cosine_per_class: list[float] = dataclasses.field(default_factory=list)
    noise_exponent_per_class: list[float] = dataclasses.field(default_factory=list)
    distance_per_class: list[float] = dataclasses.field(default_factory=list)

    @property
    def head_to_tail(self) -> Array:
        """Classes with images, by falling number of training images."""
        order = np.argsort(-np.asarray(self.class_counts), kind="stable")
        return order[np.asarray(self.images)[order] > 0]

    @property
    def noise_known(self) -> bool:
        """Whether there are measures in the metric of the noise."""
        return math.isfinite(self.metrics.get("noise_cosine", math.nan))

    @property
    def cosines(self) -> list[float]:
        """The cosines that count: in the metric of the noise if it is known."""
        known = self.noise_known
        return self.noise_cosine_per_class if known else self.cosine_per_class

    @property
    def verdict(self) -> str:
        """At most four sentences: aligned or not, where not, its price, what helps.

        It speaks of the metric of the noise, in which the optimum is aligned, if the
        noise is known. "Aligned" is a mean cosine of at least 0.95, "nearly
        aligned" of 0.85: two classes then keep its square, 90 % and 72 %, of their
        exponent. "Most in the tail" is a cosine that is lower by 0.1 or more for the
        rarest third of the classes than for the most frequent. The limits are ours.
        """
        return verdict(self)

    def __str__(self) -> str:
        return self.verdict

    @classmethod
    def from_collapse(
        cls,
        collapse: NeuralCollapse,
        weights: Array,
        biases: Array | None,
        accuracy_per_class: Array,
        class_names: Sequence[str],
    ) -> Self:
        """The report of a filled `NeuralCollapse` and a linear classifier."""
        images = collapse.counts
        met = np.flatnonzero(images)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the report holds the notes instead
            metrics, found = collapse.measure(weights, biases)
        classes = {
            f"{name}_per_class": [float(value) for value in values]
            for name, values in found.items()
        }
        counts = images if collapse.class_counts is None else collapse.class_counts
        right = np.asarray(accuracy_per_class)[met] @ images[met]
        return cls(
            class_names=list(class_names),
            class_counts=[
                int(count) if count == int(count) else float(count) for count in counts
            ],
            images=[int(count) for count in images],
            dimension=collapse.means.shape[1],
            accuracy=float(right / images.sum()),
            accuracy_per_class=[float(value) for value in accuracy_per_class],
            metrics=metrics,
            notes=collapse.notes(weights, distinct(class_names)),
            **classes,
        )

    def shots(self) -> dict[str, Array]:
        """Classes with images by many, medium and few shot; no empty groups."""
        met = self.head_to_tail
        counted = np.maximum(self.class_counts, 1e-9)
        groups = {
            name: np.intersect1d(classes, met)
            for name, classes in shot_groups(counted).items()
        }
        return {name: classes for name, classes in groups.items() if len(classes)}

    def to_json(self) -> str:
        """All of it as JSON text; NaN becomes null."""
        return json.dumps(without_nan(dataclasses.asdict(self)), indent=1)

    def to_markdown(self) -> str:
        """Verdict, measures, and the classes: all of up to 20, groups of more."""
        measures = [["measure", "value", "collapsed"]]
        for name, value in self.metrics.items():
            collapsed = name.startswith(("nc3_cosine", "nc4", "exponent", "noise"))
            measures.append([name, f"{value:.4g}", str(int(collapsed))])
        classes = [["class", *self._columns()]]
        order = self.head_to_tail
        if len(order) <= MOST_ROWS:
            classes += [self._row(self.class_names[c], [c]) for c in order]
        else:
            for name, group in self.shots().items():
                classes.append(self._row(f"{name}: {len(group)} classes", group))
            worst = order[np.argsort(np.asarray(self.cosines)[order])][:5]
            classes += [self._row(f"worst: {self.class_names[c]}", [c]) for c in worst]
        legend = LEGEND_IN_NOISE if self.noise_known else LEGEND
        return (
            f"{self.verdict}\n\n{markdown.table(measures)}\n{markdown.table(classes)}\n"
            + "\n".join([legend, *self.notes])
            + "\n"
        )

    _repr_markdown_ = to_markdown  # what a notebook shows

    def _columns(self) -> dict[str, tuple[list[float], str]]:
        """Values of all classes and their format, by the name of the column."""
        known = self.noise_known
        columns: dict[str, tuple[Any, str]] = {
            "training images": (self.class_counts, ".4g"),
            "cosine": (self.cosines, ".2f"),
        }
        if known:
            columns["plain cosine"] = (self.cosine_per_class, ".2f")
        shares = [100 * share for share in self.accuracy_per_class]
        columns["accuracy (%)"] = (shares, ".1f")
        if known:
            columns["distance"] = (self.distance_per_class, ".2f")
        exponents = self.noise_exponent_per_class if known else self.exponent_per_class
        return columns | {"exponent": (exponents, ".2f")}

    def _row(self, name: str, classes: Array) -> list[str]:
        """Cells of the mean over some classes."""
        columns = self._columns().values()
        means = (
            format(np.mean(np.asarray(values)[classes]), how) for values, how in columns
        )
        return [name, *means]

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws the report into a file, .png or .svg.

        Cosine, accuracy and distance by class from head to tail, and how many classes
        have which angle between weight and optimum; the verdict above. If the noise is
        not known, plain cosines and angles.
        """
        draw_report(self, check_path(path))
