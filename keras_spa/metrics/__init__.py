"""Metrics of long-tailed recognition and of alignment."""

from keras_spa.metrics.alignment_cosine import AlignmentCosine

__all__ = ["AlignmentCosine"]
