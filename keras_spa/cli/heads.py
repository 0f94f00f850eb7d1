"""Classifiers that the command line does not align."""

import keras_spa as spa
from keras_spa.trained._verdict import ADVICE


def untaken(observer: spa.trained.Observer) -> str | None:
    """Why the rule of `align` does not take a model's classifier, None if it may."""
    if isinstance(observer.model.classifier, spa.layers.CosineDense):
        return "A cosine classifier has no bias: it is not aligned."
    if getattr(observer.model.classifier, "bias", False) is None:
        return "The classifier has no bias: it is not aligned."
    return None


class WithoutAdvice(spa.CollapseReport):
    """A report without advice to align."""

    @property
    def verdict(self) -> str:
        return super().verdict.removesuffix(ADVICE).rstrip()


def reported(
    report: spa.CollapseReport, observer: spa.trained.Observer
) -> spa.CollapseReport:
    """The report, without advice that the command line does not take."""
    return report if untaken(observer) is None else WithoutAdvice(**vars(report))
