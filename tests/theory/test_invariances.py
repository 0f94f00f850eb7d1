"""What may be done to a classifier and its features without changing the exponents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_spa.theory import (
    error_exponent,
    exponent_efficiency,
    optimal_error_exponent,
)


@st.composite
def classifiers(draw):
    """W, M, b of up to 7 classes, noisily aligned or not at all, and a generator."""
    K, d = draw(st.integers(2, 7)), draw(st.integers(1, 6))
    random = np.random.RandomState(draw(st.integers(0, 2**32 - 1)))
    M = draw(st.sampled_from([0.1, 1.0, 30.0])) * random.standard_normal((K, d))
    W = M + draw(st.sampled_from([0.0, 0.2, 5.0])) * random.standard_normal((K, d))
    nearest_mean = -np.square(M).sum(axis=1) / 2
    b = nearest_mean + draw(st.sampled_from([0.0, 1.0])) * random.standard_normal(K)
    return W, M, b, random


def assert_same(left, right):
    """Equal exponents of classes: distances to 1e-9 of the largest among them."""
    left, right = np.sqrt(left), np.sqrt(right)
    scale = max(1.0, left.max())
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-9 * scale)


@settings(max_examples=60, deadline=None)
@given(classifiers())
def test_rotation_of_weights_and_means(case):
    W, M, b, random = case
    d = W.shape[1]
    Q = np.linalg.qr(random.standard_normal((d, d)))[0]
    E = error_exponent(W, M, b, per_class=True)
    assert_same(error_exponent(W @ Q, M @ Q, b, per_class=True), E)


@settings(max_examples=60, deadline=None)
@given(classifiers(), st.floats(1e-6, 1e6))
def test_positive_scaling_of_weights_and_biases(case, scale):
    W, M, b, _ = case
    E = error_exponent(W, M, b, per_class=True)
    assert_same(error_exponent(scale * W, M, scale * b, per_class=True), E)


@settings(max_examples=60, deadline=None)
@given(classifiers(), st.floats(-100, 100))
def test_one_vector_added_to_all_weights_and_one_number_to_all_biases(case, number):
    W, M, b, random = case
    vector = 10 * random.standard_normal(W.shape[1])
    E = error_exponent(W, M, b, per_class=True)
    assert_same(error_exponent(W + vector, M, b + number, per_class=True), E)


@settings(max_examples=60, deadline=None)
@given(classifiers())
def test_shift_of_the_features_that_the_biases_follow(case):
    W, M, b, random = case
    shift = 10 * random.standard_normal(W.shape[1])
    E = error_exponent(W, M, b, per_class=True)
    assert_same(error_exponent(W, M + shift, b - W @ shift, per_class=True), E)
    optimum = optimal_error_exponent(M)
    assert optimal_error_exponent(M + shift) == pytest.approx(optimum, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(classifiers(), st.floats(1e-3, 1e3))
def test_scaling_of_the_features_scales_exponents_by_its_square(case, scale):
    W, M, b, _ = case
    E = error_exponent(W, M, b, per_class=True)
    scaled = error_exponent(W, scale * M, scale * b, per_class=True)
    assert_same(scaled / scale**2, E)


@settings(max_examples=200, deadline=None)
@given(classifiers())
def test_no_classifier_exceeds_the_optimum(case):
    W, M, b, _ = case
    assert error_exponent(W, M, b) <= optimal_error_exponent(M) * (1 + 1e-9)
    efficiency = exponent_efficiency(W, M, b)
    assert 0 <= efficiency <= 1
    expected = error_exponent(W, M, b) / optimal_error_exponent(M)
    assert efficiency == pytest.approx(expected, rel=1e-9)
