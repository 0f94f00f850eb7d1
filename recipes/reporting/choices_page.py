"""The table of `recipes/choose.py`: candidates on validation images, best first."""

from collections.abc import Mapping

import numpy as np

from engine.names import METHODS
from keras_spa import markdown
from reporting import statistics
from reporting.summary import MEASURES, Result

BASELINE = "none"
HEADER = ["method", "candidate", "validation", "gain [95 %]", "few", "cosine"]
Measured = Mapping[str, Mapping[tuple[str, int], Result]]


def table(measured: Measured) -> str:
    """Markdown of `{candidate: {(method, seed): result}}`, a block a method."""
    rows = [[*HEADER, "training"]]
    for method in dict.fromkeys(method for method, _ in measured[BASELINE]):
        block = [_row(measured, method, candidate) for candidate in measured]
        rows += [row for _, row in sorted(block, key=lambda ranked: -ranked[0])]
    return markdown.table(rows)


def _row(measured: Measured, method: str, candidate: str) -> tuple[float, list[str]]:
    """Mean accuracy and the cells of a row."""
    runs = {
        seed: run for (name, seed), run in measured[candidate].items() if name == method
    }
    accuracies = {seed: run["accuracy"]["all"] for seed, run in runs.items()}
    gain = None
    if candidate != BASELINE:
        before = {
            seed: measured[BASELINE][method, seed]["accuracy"]["all"] for seed in runs
        }
        gain = statistics.paired_gain(accuracies, before)
    texts = {}
    for name in ("all", "few", "cosine", "training"):
        read, digits = MEASURES[name]
        texts[name] = statistics.mean_std([read(run) for run in runs.values()], digits)
    row = [METHODS[method], candidate, texts["all"], statistics.gain_text(gain)]
    row += [texts[name] for name in ("few", "cosine", "training")]
    return float(np.mean(list(accuracies.values()))), row
