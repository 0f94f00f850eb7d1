"""An overview of all comparisons after training: what `align` and its rivals gain."""

import pathlib
from collections.abc import Iterator

from engine.names import ALIGNMENTS
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
from reporting.rows import RESULTS, SECTIONS, Section
from reporting.summary import configuration_title

COMPARED = (ADJUSTED, CHOSEN, RETRAINED, RETRAINED_ALIGNED, ALIGNED, FITTED)


def comparisons(results: pathlib.Path) -> Iterator[tuple[Section, str, pathlib.Path]]:
    """Section, alignment in training and folder of each comparison there is.

    The folder is `SECTION_posthoc`, or `SECTION_ALIGNMENT_posthoc`.

    Raises:
        ValueError: a comparison says that it is of another alignment than its folder.
    """
    for section in SECTIONS:
        for alignment in ALIGNMENTS:
            part = "" if alignment == "none" else f"_{alignment}"
            folder = results / f"{section.folder}{part}_posthoc"
            if not (folder / "results.json").exists():
                continue
            found = posthoc_page.alignment(folder) or alignment
            if found != alignment:
                raise ValueError(f"{folder.name} holds models of alignment {found!r}")
            yield section, alignment, folder


def table(results: pathlib.Path = RESULTS) -> str:
    """A row a data set and method of training, a column a method after it.

    Folders are those of `recipes/posthoc.py` that compare `spa.align`.
    """
    rows = [["data", "trained with", "seeds", "accuracy", *COMPARED]]
    for section, alignment, folder in comparisons(results):
        rows += _rows(section.title, alignment, posthoc_page.load(folder))
    return markdown.table(rows)


def _rows(
    title: str, alignment: str, runs: posthoc_page.Comparisons
) -> list[list[str]]:
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
        named = [title, configuration_title(training, alignment), str(len(done))]
        rows.append([*named, statistics.mean_std(list(untouched)), *gains])
    return rows
