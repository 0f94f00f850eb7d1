"""The table of `recipes/posthoc.py`: what is gained after training."""

import itertools
import json
import pathlib
from collections.abc import Mapping

from keras_spa import markdown
from reporting import statistics
from reporting.summary import SHOTS, configuration_title

UNTOUCHED = "untouched"
PAPER = "SpA-SLERP, the paper's"
FOLLOWED = "SpA-SLERP, isotropic, biases follow"
ADJUSTED = "logit adjustment, τ = 1"
CHOSEN = "logit adjustment, chosen"
ADJUSTED_FIT = "logit adjustment, fitted"
RETRAINED = "head retrained (cRT)"
RETRAINED_ALIGNED = "head retrained, SpA-SLERP"
SCALED = "head scaled (LWS)"
ALIGNED = "spa.align"
FITTED = "spa.align, held out"
TEN = 10
ADJUSTED_FIT_OF_TEN = f"logit adjustment, fitted on {TEN} a class"
FITTED_OF_TEN = f"spa.align, {TEN} held out a class"
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
    """Accuracy in percent by seed, of the models that the method was tried on."""
    return {
        seed: accuracies[method].get(shots)  # older results lack the calibration
        for (name, seed), accuracies in comparisons.items()
        if name == training and method in accuracies
    }


def gain(
    comparisons: Comparisons, training: str, method: str, over: str = UNTOUCHED
) -> statistics.Gain | None:
    """Accuracy over the same models after another method; None over itself."""
    if method == over:
        return None
    after, before = (
        values(comparisons, training, name, "all") for name in (method, over)
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
        done = [a for (name, _), a in comparisons.items() if name == training]
        most_first = sorted(done, key=len, reverse=True)
        for method in dict.fromkeys(itertools.chain(*most_first)):
            texts = {
                shots: statistics.mean_std(
                    list(values(comparisons, training, method, shots).values())
                )
                for shots in (all_images, *groups)
            }
            change = statistics.gain_text(gain(comparisons, training, method))
            name = configuration_title(training, alignment)
            tried = sum(method in one for one in done)
            some = "" if tried == len(done) else f" ({tried} of {len(done)} models)"
            row = [name, method + some, texts[all_images], change]
            rows.append([*row, *(texts[shots] for shots in groups)])
    return markdown.table(rows)
