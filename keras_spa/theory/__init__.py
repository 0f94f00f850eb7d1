"""What theory says about classifiers and features: exact, in NumPy."""

from keras_spa.theory.etf import simplex_etf
from keras_spa.theory.exponent import (
    error_exponent,
    exponent_efficiency,
    optimal_error_exponent,
)
from keras_spa.theory.probability import ErrorProbability, error_probability
from keras_spa.theory.rotated import rotated_etf_exponent

__all__ = [
    "ErrorProbability",
    "error_exponent",
    "error_probability",
    "exponent_efficiency",
    "optimal_error_exponent",
    "rotated_etf_exponent",
    "simplex_etf",
]
