"""What theory says about classifiers and features: exact, in NumPy."""

from keras_spa.theory.etf import simplex_etf

__all__ = ["simplex_etf"]
