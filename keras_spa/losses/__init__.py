"""Losses for long-tailed recognition.

The classes take logits, with integer or soft labels, and give one value a sample
before Keras' reduction; `balanced_contrastive`, `inducing_collapse` and
`transport_cost` are losses of features. Focal loss is Keras' own, from one-hot or soft
labels, and `ClassBalanced` goes around it as around any other (class-balanced focal
loss):

>>> import keras
>>> import numpy as np
>>> import keras_spa as spa
>>> focal = keras.losses.CategoricalFocalCrossentropy(1.0, gamma=2.0, from_logits=True)
>>> loss = spa.losses.ClassBalanced(focal, class_counts=[900, 100], beta=0.999)
>>> labels, logits = np.array([[0.0, 1.0]]), np.array([[2.0, 0.0]])
>>> print(round(float(focal(labels, logits)), 3), round(float(loss(labels, logits)), 3))
1.65 2.844
"""

from keras_spa.losses.arb import ARB
from keras_spa.losses.balanced_contrastive import balanced_contrastive
from keras_spa.losses.balanced_softmax import BalancedSoftmax
from keras_spa.losses.class_balanced import ClassBalanced
from keras_spa.losses.dot_regression import DotRegression
from keras_spa.losses.inducing_collapse import inducing_collapse
from keras_spa.losses.label_aware_smoothing import LabelAwareSmoothing
from keras_spa.losses.ldam import LDAM
from keras_spa.losses.logit_adjusted import LogitAdjusted, adjust_logits
from keras_spa.losses.prior import log_prior
from keras_spa.losses.transport_cost import transport_cost

__all__ = [
    "ARB",
    "BalancedSoftmax",
    "ClassBalanced",
    "DotRegression",
    "LDAM",
    "LabelAwareSmoothing",
    "LogitAdjusted",
    "adjust_logits",
    "balanced_contrastive",
    "inducing_collapse",
    "log_prior",
    "transport_cost",
]
