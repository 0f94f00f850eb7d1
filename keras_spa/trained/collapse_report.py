import dataclasses
import json
import math
import os
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from keras_spa import markdown, theory
from keras_spa._types import Array
from keras_spa.metrics.neural_collapse import NeuralCollapse
from keras_spa.metrics.shot_accuracy import shot_groups
from keras_spa.plots import check_path
from keras_spa.trained._report_plot import draw_report

MOST_ROWS = 20  # of the table by class


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

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> report = spa.CollapseReport(
    ...     class_names=["cat", "emu"], class_counts=[90, 10], images=[50, 50],
    ...     dimension=8, accuracy=0.8, accuracy_per_class=[1.0, 0.6],
    ...     cosine_per_class=[0.9, 0.4], exponent_per_class=[1.2, 0.3],
    ...     metrics={"nc3_cosine": 0.65, "exponent_efficiency": 0.3}, notes=[],
    ... )
    >>> print(report)
    Misaligned, most in the tail: mean cosine 0.65 of weights and class means (0.90 for
    the most frequent third of the classes, 0.40 for the rarest). The classifier uses
    30 % of what its features' means allow. Accuracy 80.0 %.

    Reference: ours.
    """

    class_names: list[str]
    class_counts: list[int]
    images: list[int]
    dimension: int
    accuracy: float
    accuracy_per_class: list[float]
    cosine_per_class: list[float]
    exponent_per_class: list[float]
    metrics: dict[str, float]
    notes: list[str]

    @property
    def head_to_tail(self) -> Array:
        """Classes with images, by falling number of training images."""
        order = np.argsort(-np.asarray(self.class_counts), kind="stable")
        return order[np.asarray(self.images)[order] > 0]

    @property
    def verdict(self) -> str:
        """Three sentences: aligned or not, where not, and what it costs.

        "Aligned" is a mean cosine of at least 0.95, "nearly aligned" of 0.85; "most in
        the tail" a cosine that is lower by 0.1 or more for the rarest third of the
        classes than for the most frequent (limits of ours).
        """
        cosine = self.metrics["nc3_cosine"]
        names = ((0.95, "Aligned"), (0.85, "Nearly aligned"), (-2, "Misaligned"))
        words = next(name for least, name in names if not cosine < least)
        order = self.head_to_tail
        third = max(1, len(order) // 3)
        cosines = np.asarray(self.cosine_per_class)
        head, tail = cosines[order[:third]].mean(), cosines[order[-third:]].mean()
        where = ""
        if head - tail >= 0.1 and len(order) > 1:
            words += ", most in the tail" if words == "Misaligned" else ", but the tail"
            where = (
                f" ({head:.2f} for the most frequent third of the classes, {tail:.2f} "
                "for the rarest)"
            )
        text = f"{words}: mean cosine {cosine:.2f} of weights and class means{where}. "
        efficiency = self.metrics["exponent_efficiency"]
        if wrong := np.count_nonzero(np.asarray(self.exponent_per_class) == 0):
            text += (
                f"The classifier puts even the mean feature of {wrong} of {len(order)} "
                "classes into another class. "
            )
        elif not math.isnan(efficiency):
            text += (
                f"The classifier uses {100 * efficiency:.0f} % of what its features' "
                "means allow. "
            )
        return text + f"Accuracy {100 * self.accuracy:.1f} %."

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
        exponents = np.full(collapse.num_classes, np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the report holds the notes instead
            metrics = collapse.result(weights, biases)
        if not math.isnan(metrics["exponent_efficiency"]):
            means = collapse.means[met]
            exponents[met] = theory.error_exponent(
                weights[met], means, None if biases is None else biases[met], True
            ) / theory.optimal_error_exponent(means)
        counts = images if collapse.class_counts is None else collapse.class_counts
        right = np.asarray(accuracy_per_class)[met] @ images[met]
        return cls(
            class_names=list(class_names),
            class_counts=[int(count) for count in counts],
            images=[int(count) for count in images],
            dimension=collapse.means.shape[1],
            accuracy=float(right / images.sum()),
            accuracy_per_class=[float(value) for value in accuracy_per_class],
            cosine_per_class=[float(value) for value in collapse.cosines(weights)],
            exponent_per_class=[float(value) for value in exponents],
            metrics=metrics,
            notes=collapse.notes(weights),
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
        return json.dumps(_without_nan(dataclasses.asdict(self)), indent=1)

    def to_markdown(self) -> str:
        """Verdict, measures, and the classes: all of up to 20, groups of more."""
        measures = [["measure", "value", "collapsed"]]
        for name, value in self.metrics.items():
            collapsed = name.startswith(("nc3_cosine", "nc4", "exponent"))
            measures.append([name, f"{value:.4g}", str(int(collapsed))])
        classes = [["class", "training images", "cosine", "accuracy (%)", "exponent"]]
        order = self.head_to_tail
        if len(order) <= MOST_ROWS:
            classes += [self._row(self.class_names[c], [c]) for c in order]
        else:
            for name, group in self.shots().items():
                classes.append(self._row(f"{name}: {len(group)} classes", group))
            worst = order[np.argsort(np.asarray(self.cosine_per_class)[order])][:5]
            classes += [self._row(f"worst: {self.class_names[c]}", [c]) for c in worst]
        legend = "*exponent*: of the class's errors, as a share of the optimum."
        return (
            f"{self.verdict}\n\n{markdown.table(measures)}\n{markdown.table(classes)}\n"
            + "\n".join([legend, *self.notes])
            + "\n"
        )

    def _row(self, name: str, classes: Array) -> list[str]:
        """Cells of the mean over some classes."""
        counts, cosine, accuracy, exponent = (
            np.mean(np.asarray(values)[classes])
            for values in (
                self.class_counts,
                self.cosine_per_class,
                self.accuracy_per_class,
                self.exponent_per_class,
            )
        )
        numbers = (f"{counts:.4g}", f"{cosine:.2f}", f"{100 * accuracy:.1f}")
        return [name, *numbers, f"{exponent:.2f}"]

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draws the report into a file, .png or .svg.

        Cosine and accuracy by class from head to tail, and how many classes have which
        angle between weight and class mean; the verdict above.
        """
        draw_report(self, check_path(path))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
