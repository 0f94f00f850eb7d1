"""The table of `recipes/posthoc.py`: what is gained after training."""

import json
import pathlib
from collections.abc import Mapping

from keras_spa import markdown
from reporting import statistics
from reporting.summary import SHOTS, configuration_title

UNTOUCHED = "untouched"
PAPER = "SpA-SLERP, the paper's"
ADJUSTED = "logit adjustment, τ = 1"
CHOSEN = "logit adjustment, chosen"
RETRAINED = "head retrained (cRT)"
RETRAINED_ALIGNED = "head retrained, SpA-SLERP"
SCALED = "head scaled (LWS)"
ALIGNED = "spa.align"
FITTED = "spa.align, held out"
CALIBRATION = "calibration error"
Accuracies = dict[str, dict[str, float | None]]  # by method after training, by shots
Comparisons = Mapping[tuple[str, int], Accuracies]  # by method of training and seed


def load(folder: pathlib.Path | str) -> Comparisons:
    """The comparisons that results.json in `folder` holds."""
    results = json.loads((pathlib.Path(folder) / "results.json").read_text())
    return {(run["method"], run["seed"]): run["accuracy"] for run in results["runs"]}


def alignment(folder: pathlib.Path | str) -> str | None:
    """The alignment in training that results.json states; None if it is older."""
    results = json.loads((pathlib.Path(folder) / "results.json").read_text())
    return results.get("alignment")


def values(
    comparisons: Comparisons, training: str, method: str, shots: str
) -> dict[int, float | None]:
    """Accuracy in percent by seed."""
    return {
        seed: accuracies[method].get(shots)  # older results lack the calibration
        for (name, seed), accuracies in comparisons.items()
        if name == training
    }


def gain(
    comparisons: Comparisons, training: str, method: str
) -> statistics.Gain | None:
    """Accuracy over the same models untouched; None of these themselves."""
    if method == UNTOUCHED:
        return None
    after, before = (
        values(comparisons, training, name, "all") for name in (method, UNTOUCHED)
    )
    return statistics.paired_gain(after, before)


def table(comparisons: Comparisons, alignment: str = "none") -> str:
    """Markdown: mean ± standard deviation over seeds, gain with its 95 % interval.

    `alignment` is that of the training.
    """
    all_images, *groups = SHOTS
    if any(
        CALIBRATION in one for done in comparisons.values() for one in done.values()
    ):
        groups.append(CALIBRATION)
    rows = [["trained with", "after training", all_images, "gain [95 %]", *groups]]
    for training in dict.fromkeys(training for training, _ in comparisons):
        methods = next(a for (name, _), a in comparisons.items() if name == training)
        for method in methods:
            texts = {
                shots: statistics.mean_std(
                    list(values(comparisons, training, method, shots).values())
                )
                for shots in (all_images, *groups)
            }
            change = statistics.gain_text(gain(comparisons, training, method))
            name = configuration_title(training, alignment)
            row = [name, method, texts[all_images], change]
            rows.append([*row, *(texts[shots] for shots in groups)])
    return markdown.table(rows)
