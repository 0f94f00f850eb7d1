"""An overview of all comparisons after training: what `align` and its rivals gain."""

import pathlib

from engine.names import METHODS
from keras_spa import markdown
from reporting import posthoc_page, statistics
from reporting.posthoc_page import (
    ADJUSTED,
    ALIGNED,
    CHOSEN,
    FITTED,
    RETRAINED,
    RETRAINED_ALIGNED,
    UNTOUCHED,
)
from reporting.rows import RESULTS, SECTIONS

COMPARED = (ADJUSTED, CHOSEN, RETRAINED, RETRAINED_ALIGNED, ALIGNED, FITTED)
POSTHOC, IN_TRAINING = "_posthoc", "_aligned"  # ends of names of folders
WITH_ALIGNMENT = ", aligned in training"


def table(results: pathlib.Path = RESULTS) -> str:
    """A row a data set and method of training, a column a method after it.

    Folders are those of `recipes/posthoc.py` that compare `spa.align`.
    """
    rows = [["data", "trained with", "seeds", "accuracy", *COMPARED]]
    for section in SECTIONS:
        for suffix in ("", IN_TRAINING):
            folder = results / f"{section.folder}{suffix}{POSTHOC}"
            if (folder / "results.json").exists():
                runs = posthoc_page.load(folder)
                rows += _rows(section.title, WITH_ALIGNMENT if suffix else "", runs)
    return markdown.table(rows)


def _rows(title: str, how: str, runs: posthoc_page.Comparisons) -> list[list[str]]:
    rows = []
    for training in dict.fromkeys(training for training, _ in runs):
        done = [methods for (name, _), methods in runs.items() if name == training]
        if not all(ALIGNED in methods for methods in done):
            continue
        untouched = posthoc_page.values(runs, training, UNTOUCHED, "all").values()
        gains = [
            statistics.gain_text(posthoc_page.gain(runs, training, method))
            if all(method in methods for methods in done)
            else "-"
            for method in COMPARED
        ]
        named = [title, METHODS[training] + how, str(len(done))]
        rows.append([*named, statistics.mean_std(list(untouched)), *gains])
    return rows
