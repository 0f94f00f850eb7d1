"""What foretells the gain: measures of trained models against what alignment gained.

From the comparisons of `recipes/posthoc.py` that hold measures of their models, and
from the runs that were aligned in training with the same seeds.
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_spa import markdown
from reporting import summary
from reporting.posthoc_overview import comparisons
from reporting.posthoc_page import ALIGNED, UNTOUCHED
from reporting.rows import RESULTS
from reporting.statistics import mean_std, rank_correlation

TURNED = "spa_slerp_noise"  # in training
FEWEST = 4  # models that a rank correlation is of
# Measures by name: what a table calls them.
PREDICTORS = {
    "epochs": "epochs of training",
    "images": "training images a class, on average",
    "fewest": "training images of the rarest class",
    "training": "accuracy on the training images",
    "nc1": "NC1: scatter within the classes over that between",
    "condition": "κ, the condition number of the noise",
    "plain efficiency": "exponent that plain alignment keeps (T8)",
    "cosine": "cosine of weight and class mean",
    "noise cosine": "cosine in the metric of the noise",
    "exponent": "exponent, as if noise were isotropic",
    "noise exponent": "exponent in the metric of the noise",
}


class Model(NamedTuple):
    """A trained model, what was measured of it, and what was gained after training.

    Args:
        data: The title of its section.
        method: How it was trained, a name of `METHODS`.
        alignment: In training, a name of `ALIGNMENTS`.
        measures: By name; `epochs` among them.
        untouched: Test accuracy in percent.
        gain: Of `spa.align` with nothing held out, in points of test accuracy.
        in_training: What another run of the same seed, aligned in training, gained over
            this one; None if there is none.
    """

    data: str
    method: str
    alignment: str
    measures: Mapping[str, float]
    untouched: float
    gain: float
    in_training: float | None

    @property
    def aligned(self) -> bool:
        """Whether training aligned it."""
        return self.alignment != "none"

    @property
    def lost(self) -> float:
        """Points that the plain optimum lacks beside the one in the noise's metric."""
        return self.measures["noise optimum"] - self.measures["plain optimum"]


def load(results: pathlib.Path = RESULTS) -> list[Model]:
    """All models of which there are measures, and which `spa.align` took."""
    models = []
    for section, alignment, folder in comparisons(results):
        trained = {}
        if alignment == "none":
            trained = _accuracies(results / section.folder)
        stored = json.loads((folder / "results.json").read_text())
        for run in stored["runs"]:
            accuracy = run["accuracy"]
            if "measures" not in run or ALIGNED not in accuracy:
                continue
            before = accuracy[UNTOUCHED]["all"]
            flags = run.get("flags", stored["flags"])  # older files have one for all
            key = run["method"], TURNED, flags["imbalance_factor"]
            other = trained.get((*key, run["seed"]))
            model = Model(
                section.title,
                run["method"],
                alignment,
                {**run["measures"], "epochs": flags["epochs"]},
                before,
                accuracy[ALIGNED]["all"] - before,
                None if other is None else other - before,
            )
            models.append(model)
    return models


def _accuracies(folder: pathlib.Path) -> dict[tuple[str, str, float, int], float]:
    """Test accuracy in percent by method, alignment, imbalance factor and seed."""
    return {
        (
            run["method"],
            run["alignment"],
            run["flags"]["imbalance_factor"],
            run["seed"],
        ): run["accuracy"]["all"]
        for run in summary.load(folder / "runs")
    }


def _after(*methods: str) -> Callable[[Model], float | None]:
    """The gain after training of models that were trained so, or in any way."""
    return lambda one: one.gain if not methods or one.method in methods else None


COLUMNS: dict[str, Callable[[Model], float | None]] = {
    "`align`, all models": _after(),
    "after cross-entropy": _after("ce"),
    "after balanced softmax": _after("balanced_softmax"),
    "SpA-SLERP (noise) in training": lambda one: one.in_training,
}


def points(
    models: Sequence[Model], predictor: str, column: str
) -> tuple[np.ndarray, np.ndarray]:
    """Values of a predictor and gains of a column, of the models that have both."""
    pairs = [
        (model.measures[predictor], gain)
        for model in models
        if (gain := COLUMNS[column](model)) is not None
    ]
    values, gains = np.array(pairs, dtype="float64").reshape(-1, 2).T
    return values, gains


def table(results: pathlib.Path = RESULTS) -> str:
    """Markdown: rank correlations, a row a predictor, a column a kind of gain."""
    models = load(results)
    header = ["measure of the model"]
    for column in COLUMNS:
        _, gains = points(models, "epochs", column)
        header.append(f"{column} ({len(gains)})")
    rows = [header]
    for name, title in PREDICTORS.items():
        texts = []
        for column in COLUMNS:
            values, gains = points(models, name, column)
            few = len(gains) < FEWEST
            rank = float("nan") if few else rank_correlation(list(values), list(gains))
            texts.append("-" if np.isnan(rank) else f"{rank:+.2f}")
        rows.append([title, *texts])
    return markdown.table(rows)


def optima_table(results: pathlib.Path = RESULTS) -> str:
    """Markdown: what two optimal classifiers make of the features of trained models."""
    header = ["data", "trained with", "models", "untouched", "optimum, isotropic"]
    rows = [[*header, "optimum, in noise", "κ", "exponent kept (T8)"]]
    models = load(results)
    for kind in dict.fromkeys((m.data, m.method, m.alignment) for m in models):
        data, method, alignment = kind
        some = [m for m in models if (m.data, m.method, m.alignment) == kind]
        columns = [
            mean_std([m.untouched for m in some]),
            mean_std([m.measures["plain optimum"] for m in some]),
            mean_std([m.measures["noise optimum"] for m in some]),
            mean_std([m.measures["condition"] for m in some], 0),
            mean_std([m.measures["plain efficiency"] for m in some], 2),
        ]
        named = summary.configuration_title(method, alignment)
        rows.append([data, named, str(len(some)), *columns])
    return markdown.table(rows)
