"""What theory says about classifiers and features: exact, in NumPy."""

from keras_spa.theory.etf import simplex_etf
from keras_spa.theory.exponent import (
    boundary_distances,
    error_exponent,
    exponent_efficiency,
    optimal_error_exponent,
)
from keras_spa.theory.optimal import optimal_classifier, plain_alignment_efficiency
from keras_spa.theory.probability import ErrorProbability, error_probability
from keras_spa.theory.rotated import rotated_etf_exponent

__all__ = [
    "ErrorProbability",
    "boundary_distances",
    "error_exponent",
    "error_probability",
    "exponent_efficiency",
    "optimal_classifier",
    "optimal_error_exponent",
    "plain_alignment_efficiency",
    "rotated_etf_exponent",
    "simplex_etf",
]
