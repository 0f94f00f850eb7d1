"""Result files in, and what they say of each configuration."""

import pathlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine import storage
from engine.names import ALIGNMENTS, METHODS
from reporting import statistics

Result = dict[str, Any]  # what a result file holds
SHOTS = ("all", "many", "medium", "few")
# What is read from a result, and how many digits a table gives it.
MEASURES: dict[str, tuple[Callable[[Result], float | None], int]] = {
    "all": (lambda run: run["accuracy"]["all"], 1),
    "many": (lambda run: run["accuracy"]["many"], 1),
    "medium": (lambda run: run["accuracy"]["medium"], 1),
    "few": (lambda run: run["accuracy"]["few"], 1),
    "cosine": (lambda run: run["cosine"], 2),
    "cosine head": (lambda run: third_of_classes(run, "cosine_per_class")[0], 2),
    "cosine tail": (lambda run: third_of_classes(run, "cosine_per_class")[1], 2),
    "cosine in noise": (lambda run: noise_cosine(run), 2),
    "efficiency": (lambda run: run["neural_collapse"]["exponent_efficiency"], 2),
    "training": (lambda run: run["train_accuracy"], 1),
    "minutes": (lambda run: run["wall_time_s"] / 60, 1),
}


def noise_cosine(run: Result) -> float | None:
    """Mean cosine in the metric of the noise; None of results older than it."""
    return run.get("neural_collapse", {}).get("noise_cosine")


def third_of_classes(run: Result, field: str) -> tuple[float, float]:
    """Means over the most frequent and over the rarest third of the classes."""
    order = np.argsort(-np.array(run["class_counts"]), kind="stable")
    values, third = np.array(run[field])[order], max(1, len(order) // 3)
    return float(values[:third].mean()), float(values[-third:].mean())


@dataclass(frozen=True)
class Summary:
    """The runs of one configuration, and of the same method without alignment."""

    method: str
    alignment: str
    runs: tuple[Result, ...]
    baseline: tuple[Result, ...] = ()

    @property
    def title(self) -> str:
        """ "cross-entropy + SpA-Reg", "cross-entropy" without alignment."""
        return configuration_title(self.method, self.alignment)

    def values(self, measure: str) -> list[float | None]:
        """A value a run, in the order of the seeds."""
        read, _ = MEASURES[measure]
        return [read(run) for run in self.runs]

    def text(self, measure: str) -> str:
        """Mean ± standard deviation over seeds."""
        return statistics.mean_std(self.values(measure), MEASURES[measure][1])

    def mean(self, measure: str) -> str:
        """The mean alone."""
        return self.text(measure).split(" ±")[0]

    def gain(self) -> statistics.Gain | None:
        """Accuracy over the method without alignment; None of that itself."""
        if self.alignment == "none":
            return None
        after, before = (
            {run["seed"]: run["accuracy"]["all"] for run in runs}
            for runs in (self.runs, self.baseline)
        )
        return statistics.paired_gain(after, before)


def configuration_title(method: str, alignment: str) -> str:
    """How tables call a method with an alignment."""
    if alignment == "none":
        return METHODS[method]
    return f"{METHODS[method]} + {ALIGNMENTS[alignment]}"


def load(folder: pathlib.Path | str, names: str = "*.json") -> list[Result]:
    """The result files of a folder, in the order of the tables."""
    paths = pathlib.Path(folder).glob(names)
    methods, alignments = list(METHODS), list(ALIGNMENTS)
    return sorted(
        (storage.read_result(path) for path in paths),
        key=lambda run: (
            methods.index(run["method"]),
            alignments.index(run["alignment"]),
            run["seed"],
        ),
    )


def group(results: Iterable[Result]) -> dict[tuple[str, str], tuple[Result, ...]]:
    """`{(method, alignment): results of its seeds}` in the order of the results."""
    groups: dict[tuple[str, str], tuple[Result, ...]] = {}
    for run in results:
        key = (run["method"], run["alignment"])
        groups[key] = (*groups.get(key, ()), run)
    return groups


def summarize(results: Iterable[Result]) -> list[Summary]:
    """A summary a configuration, of results at one imbalance factor."""
    groups = group(results)
    return [
        Summary(method, alignment, runs, groups.get((method, "none"), ()))
        for (method, alignment), runs in groups.items()
    ]
