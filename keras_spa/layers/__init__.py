"""Layers of their own use in any Keras model."""

from keras_spa.layers.batch_normalization import BatchNormalization
from keras_spa.layers.class_means import ClassMeans
from keras_spa.layers.conv2d import Conv2D
from keras_spa.layers.cosine_dense import CosineDense
from keras_spa.layers.disa import DisA
from keras_spa.layers.etf_dense import ETFDense
from keras_spa.layers.spa_dense import SpADense

__all__ = [
    "BatchNormalization",
    "ClassMeans",
    "Conv2D",
    "CosineDense",
    "DisA",
    "ETFDense",
    "SpADense",
]
