"""The verdict of a `CollapseReport`, in words."""

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_spa.trained.collapse_report import CollapseReport

# Least mean cosines, and by how much the tail's is lower than the head's.
NAMES = ((0.95, "Aligned"), (0.85, "Nearly aligned"), (-2, "Misaligned"))
TAIL_GAP = 0.1
ADVICE = "`keras_spa.align` moves the classifier towards the optimum, without training."


def verdict(report: "CollapseReport") -> str:
    """At most four sentences: aligned or not, where not, its price, what helps."""
    name, where = _alignment(report)
    text, wrong = _price(report)
    sentences = [where, text, f"Accuracy {100 * report.accuracy:.1f} %."]
    if report.noise_known and (name != "Aligned" or wrong):
        sentences.append(ADVICE)
    return " ".join(filter(None, sentences))


def _alignment(report: "CollapseReport") -> tuple[str, str]:
    """How well it is aligned, in a word and in a sentence."""
    cosine = report.metrics["noise_cosine" if report.noise_known else "nc3_cosine"]
    words = name = next(name for least, name in NAMES if not cosine < least)
    order = report.head_to_tail
    third = max(1, len(order) // 3)
    cosines = np.asarray(report.cosines)[order]
    head, tail = cosines[:third].mean(), cosines[-third:].mean()
    counts = np.asarray(report.class_counts)[order]
    tailed = counts[:third].min() > counts[-third:].max()
    where = ""
    if head - tail >= TAIL_GAP and tailed:
        words += ", most in the tail" if name == "Misaligned" else ", but the tail"
        where = (
            f" ({head:.2f} for the most frequent third of the classes, {tail:.2f} "
            "for the rarest)"
        )
    of = "of weights and class means"
    if report.noise_known:
        of = "of weights and optimal ones, in the metric of the noise"
    return name, f"{words}: mean cosine {cosine:.2f} {of}{where}."


def _price(report: "CollapseReport") -> tuple[str, int]:
    """What the classifier loses, in a sentence, and how many class means it errs on."""
    order = report.head_to_tail
    wrong = int(np.count_nonzero(np.asarray(report.exponent_per_class) == 0))
    depth, kind, allowed = "", "exponent_efficiency", "what its features' means allow"
    if report.noise_known:
        distances = np.asarray(report.distance_per_class)[order]
        wrong, worst = int(np.sum(distances <= 0)), -distances.min()
        if math.isfinite(worst):
            depth = f", by up to {worst:.1f} standard deviations of the noise"
        kind, allowed = f"noise_{kind}", "the error exponent that its features allow"
    if wrong:
        return (
            f"The classifier puts even the mean feature of {wrong} of {len(order)} "
            f"classes into another class{depth}."
        ), wrong
    efficiency = report.metrics[kind]
    if math.isnan(efficiency):
        return "", wrong
    return f"The classifier uses {100 * efficiency:.0f} % of {allowed}.", wrong
