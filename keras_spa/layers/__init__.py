"""Layers of their own use in any Keras model."""

from keras_spa.layers.class_means import ClassMeans
from keras_spa.layers.cosine_dense import CosineDense
from keras_spa.layers.disa import DisA
from keras_spa.layers.etf_dense import ETFDense
from keras_spa.layers.spa_dense import SpADense

__all__ = ["ClassMeans", "CosineDense", "DisA", "ETFDense", "SpADense"]
