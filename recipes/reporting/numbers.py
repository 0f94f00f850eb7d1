"""The tables and numbers that documents may ask for, by name.

A number is `FOLDER / CONFIGURATION / MEASURE` or `FOLDER / FACT`:

- FOLDER is one of recipes/results; `@100` after it chooses an imbalance factor where
  the folder has several.
- CONFIGURATION is a method and an alignment, `ce + spa_reg`, `ce` alone without one;
  of a post-hoc comparison a method and what came after it, `ce + logit adjustment`.
- MEASURE is `gain` or one of `summary.MEASURES`; of a post-hoc comparison `gain`,
  `gain over METHOD`, `all`, `many`, `medium`, `few` or `calibration error`. `mean`
  after it leaves the mean alone.
- FACT is one of `FACTS`, or the rank correlation of exponent and error: `correlation by
  class`, `by model`, `many`, `medium`, `few`, or of the models of one method, as in
  `correlation ce`.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence

from engine.names import ALIGNMENTS, METHODS
from keras_spa import markdown
from reporting import (
    aims,
    benchmark_page,
    job_page,
    posthoc_overview,
    posthoc_page,
    predictors,
    statistics,
    summary,
    training_length,
)
from reporting.figures import exponents
from reporting.posthoc_page import UNTOUCHED
from reporting.rows import RESULTS, ROOT, SECTIONS
from reporting.summary import Result, Summary

BENCHMARKS = "benchmarks/results"  # a file each
FACTS: dict[str, Callable[[Sequence[Result]], str]] = {
    "images": lambda runs: f"{sum(runs[0]['class_counts']):,}",
    "most": lambda runs: f"{max(runs[0]['class_counts']):,}",
    "fewest": lambda runs: f"{min(runs[0]['class_counts']):,}",
    "runs": lambda runs: str(len(runs)),
    "seeds": lambda runs: str(len({run["seed"] for run in runs})),
}
OVER = "gain over "  # and a method after training
CORRELATION = "correlation "  # and a name in `exponents.correlations`


def number(expression: str) -> str:
    """The text of a number.

    Raises:
        ValueError: there is no such number.
    """
    try:
        folder, *asked = (part.strip() for part in expression.split("/"))
        if (RESULTS / folder / "results.json").exists():
            return _posthoc_number(folder, *asked)
        runs = load(folder)
        return _fact(runs, *asked) if len(asked) == 1 else _number(runs, *asked)
    except (KeyError, TypeError, FileNotFoundError) as error:
        raise ValueError(f"No such number: {expression!r} ({error!r})") from error


def _fact(runs: Sequence[Result], name: str) -> str:
    if name.startswith(CORRELATION):
        rank = exponents.correlations(runs)[name.removeprefix(CORRELATION)]
        return f"{rank:.2f}"
    return FACTS[name](runs)


def _number(runs: Sequence[Result], configuration: str, measure: str) -> str:
    method, _, alignment = (part.strip() for part in configuration.partition("+"))
    row = {(row.method, row.alignment): row for row in summary.summarize(runs)}[
        method, alignment or "none"
    ]
    measure, only_mean = _split_measure(measure)
    if measure == "gain":
        return _gain_text(row.gain(), only_mean)
    return row.mean(measure) if only_mean else row.text(measure)


def _posthoc_number(folder: str, configuration: str, measure: str) -> str:
    training, _, method = (part.strip() for part in configuration.partition("+"))
    method = method or UNTOUCHED
    comparisons = posthoc_page.load(RESULTS / folder)
    measure, only_mean = _split_measure(measure)
    if measure == "gain" or measure.startswith(OVER):
        over = measure.removeprefix(OVER) if measure != "gain" else UNTOUCHED
        change = posthoc_page.gain(comparisons, training, method, over)
        return _gain_text(change, only_mean)
    values = list(posthoc_page.values(comparisons, training, method, measure).values())
    if not values:
        raise KeyError(configuration)
    text = statistics.mean_std(values)
    return text.split(" ±")[0] if only_mean else text


def _split_measure(measure: str) -> tuple[str, bool]:
    name = measure.removesuffix(" mean")
    return name, name != measure


def _gain_text(gain: statistics.Gain | None, only_mean: bool) -> str:
    if gain is None:
        raise KeyError("a baseline has no gain")
    return f"{gain.mean:+.1f}" if only_mean else str(gain)


def load(folder: str) -> tuple[Result, ...]:
    """The results of `FOLDER` or `FOLDER@FACTOR`, all of one imbalance factor.

    Raises:
        ValueError: no results, or results of several imbalance factors.
    """
    name, _, wanted = folder.partition("@")
    runs = _load_all(RESULTS / name)
    factors = sorted({run["flags"]["imbalance_factor"] for run in runs})
    factor = float(wanted) if wanted else factors[0] if len(factors) == 1 else None
    if factor not in factors:
        raise ValueError(
            f"recipes/results/{name} has imbalance factors "
            f"{', '.join(f'{f:g}' for f in factors)}: name one of them, as in "
            f"{name}@100. Received: {folder!r}"
        )
    return tuple(run for run in runs if run["flags"]["imbalance_factor"] == factor)


@functools.cache
def _load_all(folder: pathlib.Path) -> tuple[Result, ...]:
    return tuple(summary.load(folder / "runs"))


def table(name: str) -> str:
    """The table of a folder of results, of a benchmark, or an overview of all folders.

    Raises:
        ValueError: there is no such table.
    """
    if name in OVERVIEWS:
        return OVERVIEWS[name]()
    folder = pathlib.PurePosixPath(name)
    if folder.parent.as_posix() == BENCHMARKS:
        return benchmark_page.table(ROOT / folder)
    if folder.parent != pathlib.PurePosixPath(RESULTS.relative_to(ROOT).as_posix()):
        raise ValueError(f"No such table: {name!r}")
    for _, alignment, compared in posthoc_overview.comparisons(RESULTS):
        if compared == ROOT / folder:
            return posthoc_page.table(posthoc_page.load(compared), alignment)
    return job_page.table(load(folder.name))


def _overview(
    alignments: Sequence[str], cell: Callable[[Summary], str], sparse: bool = False
) -> str:
    """A row a data set and method, a column an alignment that was run somewhere.

    With `sparse`, rows without any of the alignments are left out.
    """
    alignments = [a for a in alignments if a in _alignments_run()]
    header = ["data", "trained with", "accuracy", *(ALIGNMENTS[a] for a in alignments)]
    rows = [header]
    for section in SECTIONS:
        for factor in section.factors:
            runs = [
                run
                for run in _load_all(RESULTS / section.folder)
                if run["flags"]["imbalance_factor"] == factor
            ]
            summaries = {(s.method, s.alignment): s for s in summary.summarize(runs)}
            for method in dict.fromkeys(method for method, _ in summaries):
                baseline = summaries.get((method, "none"))
                if baseline is None or not _enough(baseline):
                    continue
                cells = [summaries.get((method, a)) for a in alignments]
                cells = [one if one and _enough(one) else None for one in cells]
                if sparse and not any(cells):
                    continue
                texts = ["-" if one is None else cell(one) for one in cells]
                named = [f"{section.title}, IF {factor}", METHODS[method]]
                rows.append([*named, baseline.text("all"), *texts])
    return markdown.table(rows)


def _enough(one: summary.Summary) -> bool:
    """Whether it has as many seeds as an interval needs."""
    return len(one.runs) >= statistics.LEAST_SEEDS


def _alignments_run() -> set[str]:
    folders = (RESULTS / section.folder for section in SECTIONS)
    return {run["alignment"] for folder in folders for run in _load_all(folder)}


def _gains() -> str:
    """Gains of each alignment over none, everywhere."""
    alignments = [name for name in ALIGNMENTS if name != "none"]
    gains: list[statistics.Gain] = []

    def cell(row: Summary) -> str:
        if (one := row.gain()) is not None:
            gains.append(one)
        return statistics.gain_text(one)

    table = _overview(alignments, cell)
    said = statistics.many_intervals(gains)
    return f"{table}\n{said}\n" if said else table


def _noise_gains() -> str:
    """The same of the alignments in the metric of the noise, where any was run."""
    alignments = [name for name in ALIGNMENTS if name.endswith("_noise")]
    return _overview(alignments, lambda row: statistics.gain_text(row.gain()), True)


def _efficiencies() -> str:
    """Mean cosine and exponent efficiency of each configuration."""
    return _overview(
        list(ALIGNMENTS), lambda row: f"{row.mean('cosine')}, {row.mean('efficiency')}"
    )


OVERVIEWS: dict[str, Callable[[], str]] = {
    "gains": _gains,
    "gains in the metric of the noise": _noise_gains,
    "after training": posthoc_overview.table,
    "aims after training": aims.table,
    "cosine and efficiency": _efficiencies,
    "predictors": predictors.table,
    "optima": predictors.optima_table,
    "training length": training_length.table,
}
