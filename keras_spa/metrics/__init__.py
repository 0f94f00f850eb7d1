"""Metrics of long-tailed recognition and of alignment."""

from keras_spa.metrics.alignment_cosine import AlignmentCosine
from keras_spa.metrics.calibration import calibration_error, confidence_bins
from keras_spa.metrics.neural_collapse import NeuralCollapse
from keras_spa.metrics.per_class import (
    accuracy_per_class,
    exact_class_means,
    within_class_covariance,
)
from keras_spa.metrics.shot_accuracy import ShotAccuracy, shot_groups, shot_means

__all__ = [
    "AlignmentCosine",
    "NeuralCollapse",
    "ShotAccuracy",
    "accuracy_per_class",
    "calibration_error",
    "confidence_bins",
    "exact_class_means",
    "shot_groups",
    "shot_means",
    "within_class_covariance",
]
