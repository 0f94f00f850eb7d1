"""Losses for long-tailed recognition.

All take logits, with integer or soft labels, and give one value a sample before
Keras' reduction. Focal loss is Keras' own, from one-hot or soft labels, and
`ClassBalanced` goes around it as around any other (class-balanced focal loss):

>>> import keras
>>> import numpy as np
>>> import keras_spa as spa
>>> focal = keras.losses.CategoricalFocalCrossentropy(1.0, gamma=2.0, from_logits=True)
>>> loss = spa.losses.ClassBalanced(focal, class_counts=[900, 100], beta=0.999)
>>> labels, logits = np.array([[0.0, 1.0]]), np.array([[2.0, 0.0]])
>>> print(round(float(focal(labels, logits)), 3), round(float(loss(labels, logits)), 3))
1.65 2.844
"""

from keras_spa.losses.balanced_softmax import BalancedSoftmax
from keras_spa.losses.class_balanced import ClassBalanced
from keras_spa.losses.dot_regression import DotRegression
from keras_spa.losses.ldam import LDAM
from keras_spa.losses.logit_adjusted import LogitAdjusted, adjust_logits
from keras_spa.losses.prior import log_prior

__all__ = [
    "BalancedSoftmax",
    "ClassBalanced",
    "DotRegression",
    "LDAM",
    "LogitAdjusted",
    "adjust_logits",
    "log_prior",
]
