"""Layers of their own use in any Keras model."""

from keras_spa.layers.class_means import ClassMeans

__all__ = ["ClassMeans"]
