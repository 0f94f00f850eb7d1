"""Align a Keras classifier with its class feature means.

Long-tailed training leaves the classifier's weights and the class means of the
features misaligned, and that costs the rare classes. This package measures the
misalignment and removes it: "Space Alignment Matters" (Wang, Gao, Xie; AAAI 2026) as
Keras 3 parts. Start at `SpAModel`.
"""

from keras_spa import (
    alignment,
    callbacks,
    data,
    geometry,
    layers,
    losses,
    metrics,
    models,
    theory,
)
from keras_spa.alignment import Alignment, CosineRamp, SpAProj, SpAReg, SpASLERP
from keras_spa.collapse_report import CollapseReport
from keras_spa.diagnosis import diagnose
from keras_spa.models import SpAModel
from keras_spa.posthoc import PostHoc, align, choose_alignment

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "CollapseReport",
    "CosineRamp",
    "PostHoc",
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
    "geometry",
    "layers",
    "losses",
    "metrics",
    "models",
    "theory",
]
