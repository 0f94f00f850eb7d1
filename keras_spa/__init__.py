"""Align a Keras classifier with its class feature means.

Long-tailed training leaves the classifier's weights and the class means of the
features misaligned, and that costs the rare classes. This package measures the
misalignment and removes it: "Space Alignment Matters" (Wang, Gao, Xie; AAAI 2026) as
Keras 3 parts. Start at `SpAModel`.
"""

import sys

if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == "keras_spa":
    # `python -m keras_spa ...`: mistakes and --help end here, before Keras is imported.
    import keras_spa_cli

    keras_spa_cli.start()

from keras_spa import (
    alignment,
    callbacks,
    data,
    distribute,
    geometry,
    layers,
    losses,
    metrics,
    models,
    theory,
    trained,
)
from keras_spa.alignment import Alignment, CosineRamp, SpAProj, SpAReg, SpASLERP
from keras_spa.class_statistics import ClassStatistics
from keras_spa.model_card import ModelCard
from keras_spa.models import SpAModel
from keras_spa.trained import (
    AlignmentChoice,
    CollapseReport,
    align,
    choose_alignment,
    diagnose,
)

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "AlignmentChoice",
    "ClassStatistics",
    "CollapseReport",
    "CosineRamp",
    "ModelCard",
    "SpAModel",
    "SpAProj",
    "SpAReg",
    "SpASLERP",
    "align",
    "alignment",
    "callbacks",
    "choose_alignment",
    "data",
    "diagnose",
    "distribute",
    "geometry",
    "layers",
    "losses",
    "metrics",
    "models",
    "theory",
    "trained",
]


def __dir__() -> list[str]:
    """The public names alone."""
    return sorted([*__all__, "__version__", "__doc__", "__all__"])
