"""Training length: what alignment gains in few epochs, and in many.

Of balanced softmax, alone and with SpA-SLERP in the metric of the noise, in sections
that differ in nothing but their epochs.
"""

import pathlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from engine.names import METHODS
from keras_spa import markdown
from reporting import statistics, summary
from reporting.rows import RESULTS, SECTIONS

METHOD, TURNED = "balanced_softmax", "spa_slerp_noise"


class Training(NamedTuple):
    """What one data set and number of epochs came to.

    Args:
        data: The data set, as a title.
        epochs: Their number.
        accuracies: Percent by seed, by the alignments "none" and `TURNED`.
    """

    data: str
    epochs: int
    accuracies: Mapping[str, Mapping[int, float]]


def load(results: pathlib.Path = RESULTS) -> list[Training]:
    """All that has been run, by data set and epochs."""
    trainings = []
    for section in SECTIONS:
        name = re.fullmatch(r"\w+_lt_(\d+)", section.folder)
        if name is None:
            continue
        accuracies: dict[str, dict[int, float]] = {"none": {}, TURNED: {}}
        for run in summary.load(results / section.folder / "runs"):
            if run["method"] == METHOD and run["alignment"] in accuracies:
                accuracies[run["alignment"]][run["seed"]] = run["accuracy"]["all"]
        if any(accuracies.values()):
            data = section.title.removesuffix(f", {name[1]} epochs")
            trainings.append(Training(data, int(name[1]), accuracies))
    return trainings


def table(results: pathlib.Path = RESULTS) -> str:
    """Markdown: a row a training; gains over as many epochs, and over more of them."""
    trainings = load(results)
    names = [METHODS[METHOD], summary.configuration_title(METHOD, TURNED)]
    rows = [["data", "epochs", *names, "gain [95 %]", "gain over more epochs without"]]
    for one in trainings:
        longer = [o for o in trainings if o.data == one.data and o.epochs > one.epochs]
        next_longer = min(longer, key=lambda other: other.epochs, default=None)
        gains = [
            statistics.paired_gain(one.accuracies[TURNED], other.accuracies["none"])
            if other
            else None
            for other in (one, next_longer)
        ]
        over_more = statistics.gain_text(gains[1])
        if gains[1] is not None and next_longer:
            over_more += f" ({next_longer.epochs})"
        accuracies = (
            statistics.mean_std(list(values.values()))
            for values in one.accuracies.values()
        )
        shown = [statistics.gain_text(gains[0]), over_more]
        rows.append([one.data, str(one.epochs), *accuracies, *shown])
    return markdown.table(rows)
