"""Metrics of long-tailed recognition and of alignment."""

from keras_spa.metrics.alignment_cosine import AlignmentCosine
from keras_spa.metrics.shot_accuracy import ShotAccuracy, shot_groups

__all__ = ["AlignmentCosine", "ShotAccuracy", "shot_groups"]
