"""Input that every function of classifiers and means refuses, and that it takes."""

import re

import keras
import ml_dtypes
import numpy as np
import pytest

from keras_spa.theory import (
    error_exponent,
    error_probability,
    exponent_efficiency,
    optimal_error_exponent,
)

W = np.arange(12.0).reshape(4, 3) ** 2
NAN = np.where(np.arange(12).reshape(4, 3) % 8 == 3, np.nan, W)  # in rows 1 and 3
FUNCTIONS = [
    error_exponent,
    exponent_efficiency,
    lambda weights, means, biases=None: error_probability(weights, means, 1.0, biases),
]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((W, W[:3]), "`weights` and `means` must have the same shape.*(4, 3).*(3, 3)"),
        ((W, W[:, :2]), "`weights` and `means` must have the same shape.*(4, 2)"),
        ((W[0], W), "`weights` must have shape (K, d).*Received: weights.shape=(3,)"),
        ((W, W[None]), "`means` must have shape (K, d).*means.shape=(1, 4, 3)"),
        ((W[:1], W[:1]), "`weights` must have shape.*at least 2 classes.*(1, 3)"),
        ((W[:, :0], W[:, :0]), "`weights` must have shape.*(4, 0)"),
        ((NAN, W), "`weights` must be finite.*for 2 of 4 classes: 1, 3"),
        ((W, NAN), "`means` must be finite.*for 2 of 4 classes: 1, 3"),
        ((W, W + np.inf), "`means` must be finite.*for 4 of 4 classes: 0, 1, 2, 3"),
        ((1e101 * W, W), "`weights` must be finite, of magnitudes up to 1e+100"),
        ((W, W, [0, 1, np.nan, 0]), "`biases` must be finite.*1 of 4 classes: 2"),
        ((W, W, [0, 1, 2]), "`biases` must have shape (4,).*biases.shape=(3,)"),
        ((W, W, 0.5), "`biases` must have shape (4,).*biases.shape=()"),
        ((W, W, list("abcd")), "`biases` must be an array (K,) of real numbers"),
        ((W + 0j, W), "`weights` must be an array (K, d) of real numbers.*complex"),
        ((None, W), "`weights` must be an array (K, d) of real numbers.*NoneType"),
        (([[1.0, 2.0], [3.0]], W), "`weights` must be an array (K, d).*list"),
    ],
)
def test_bad_input_is_named(function, arguments, message):
    pattern = re.escape(message).replace(r"\.\*", ".*")
    with pytest.raises(ValueError, match=f"Arguments? {pattern}"):
        function(*arguments)


def test_more_than_five_classes_are_counted():
    with pytest.raises(ValueError, match="for 9 of 9 classes: 0, 1, 2, 3, 4, ..."):
        optimal_error_exponent(np.full((9, 2), np.nan))


@pytest.mark.parametrize("value", [W[0], W[:1], NAN, "means", None])
def test_optimum_checks_its_means(value):
    with pytest.raises(ValueError, match="Argument `means` must .*Received"):
        optimal_error_exponent(value)


@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_per_class_is_true_or_false(value):
    with pytest.raises(ValueError, match="Argument `per_class` must be one of"):
        error_exponent(W, W, per_class=value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sigma", 0.0),
        ("sigma", -1.0),
        ("sigma", np.nan),
        ("sigma", "1"),
        ("samples", 1),
        ("samples", 10.0),
        ("seed", -1),
        ("seed", None),
    ],
)
def test_noise_and_sampling_are_checked(name, value):
    arguments = {"sigma": 1.0, name: value}
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        error_probability(W, W, **arguments)


def test_arrays_of_any_kind_are_taken_and_left_alone():
    expected = optimal_error_exponent(W)
    assert expected > 0
    assert optimal_error_exponent(W.astype("int32")) == expected
    assert optimal_error_exponent(W.tolist()) == expected
    assert optimal_error_exponent(keras.Variable(W)) == expected
    assert optimal_error_exponent(keras.ops.convert_to_tensor(W)) == expected
    half = W.astype(ml_dtypes.bfloat16)  # whole numbers below 256: exact
    assert optimal_error_exponent(half) == expected
    copy = W.copy()
    error_probability(copy, copy, 1.0)
    error_exponent(copy, copy, copy[:, 0])
    np.testing.assert_array_equal(copy, W)
