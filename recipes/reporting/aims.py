"""What was asked of `spa.align` before it was measured, and what came of it."""

import pathlib

from keras_spa import markdown
from reporting import posthoc_page, statistics
from reporting.posthoc_overview import comparisons
from reporting.posthoc_page import (
    ADJUSTED,
    ADJUSTED_FIT,
    ADJUSTED_FIT_OF_TEN,
    ALIGNED,
    FITTED,
    FITTED_OF_TEN,
    Comparisons,
)
from reporting.rows import RESULTS
from reporting.summary import configuration_title

LEAST = -0.3  # points, of any row with nothing held out
OVER_ADJUSTMENT = 0.3  # points, after cross-entropy
HEADER = (
    *("data", "trained with", "nothing held out", "over logit adjustment, τ = 1"),
    *("held out, over logit adjustment fitted on the same", "the same, ten a class"),
)


def table(results: pathlib.Path = RESULTS) -> str:
    """Markdown: a row a data set and method of training, a column an aim.

    - Nothing held out: after cross-entropy the 95 % interval of the gain is above 0;
      no mean is below −0.3, of any loss.
    - Over logit adjustment by τ = 1, after cross-entropy: +0.3 at least.
    - With held-out images, all of them and ten a class: not below logit adjustment that
      is fitted on the same.

    What is missed is in bold type.
    """
    rows = [list(HEADER)]
    for section, alignment, folder in comparisons(results):
        runs = posthoc_page.load(folder)
        for training in dict.fromkeys(name for name, _ in runs):
            title = configuration_title(training, alignment)
            rows.append([section.title, title, *_cells(runs, training)])
    return markdown.table([row for row in rows if row[2] != "-"])


def _cells(runs: Comparisons, training: str) -> list[str]:
    prior = training == "ce"

    def first(gain: statistics.Gain) -> bool:
        return gain.mean >= LEAST and not (prior and gain.low <= 0)

    pairs = [
        (posthoc_page.gain(runs, training, ALIGNED), first),
        (
            posthoc_page.gain(runs, training, ALIGNED, ADJUSTED) if prior else None,
            lambda gain: gain.mean >= OVER_ADJUSTMENT,
        ),
        *(
            (posthoc_page.gain(runs, training, *pair), lambda gain: gain.mean >= 0)
            for pair in ((FITTED, ADJUSTED_FIT), (FITTED_OF_TEN, ADJUSTED_FIT_OF_TEN))
        ),
    ]
    return [
        "-" if gain is None else str(gain) if met(gain) else f"**{gain}**"
        for gain, met in pairs
    ]
