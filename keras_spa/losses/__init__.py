"""Losses for long-tailed recognition."""

from keras_spa.losses.balanced_softmax import BalancedSoftmax

__all__ = ["BalancedSoftmax"]
