import hypothesis.strategies as st
import numpy as np
import pytest
from gradients import gradient
from hypothesis import assume, example, given, settings
from hypothesis.extra.numpy import arrays
from keras import ops
from reference import mean_directions, unit

from keras_spa import geometry

wild = settings(deadline=None, max_examples=50)
lengths = st.floats(-15, 15).map(lambda exponent: 10.0**exponent)
directions = arrays("float64", 4, elements=st.floats(-1, 1, width=32)).map(
    lambda v: unit(v) if np.linalg.norm(v) > 1e-3 else np.zeros(4)
)


@st.composite
def pairs(draw):
    """Two rows of any lengths; free, equal, opposite, or one of them zero."""
    u, v = draw(directions), draw(directions)
    v = draw(st.sampled_from([v, u, -u, np.zeros(4)]))
    return draw(lengths) * u, draw(lengths) * v


def call(function, *rows, **kwargs):
    """`function` of single rows, as NumPy."""
    rows = [np.asarray(row, "float32")[None] for row in rows]
    return ops.convert_to_numpy(function(*rows, **kwargs))[0]


def slerp_by_the_formula(w, v, rate):
    cosine = np.clip(unit(w) @ unit(v), -1, 1)
    theta = np.arccos(cosine)
    if not np.any(w) or not np.any(v) or np.sin(theta) < 1e-6:
        return w
    share_w = np.sin((1 - rate) * theta) / np.sin(theta)
    share_v = np.sin(rate * theta) / np.sin(theta)
    return np.linalg.norm(w) * (share_w * unit(w) + share_v * unit(v))


@wild
@given(pairs())
def test_unit_and_norm_match_numpy(pair):
    u, _ = pair
    np.testing.assert_allclose(call(geometry.unit, u), unit(u), atol=1e-6)
    length = np.linalg.norm(u)
    np.testing.assert_allclose(call(geometry.norm, u), length, rtol=1e-5)


@wild
@given(pairs())
def test_cosine_and_angle_match_numpy(pair):
    u, v = pair
    cosine = unit(u) @ unit(v)
    np.testing.assert_allclose(call(geometry.cosine, u, v), cosine, atol=1e-6)
    if np.any(u) and np.any(v):
        expected = np.arccos(np.clip(cosine, -1, 1))
        np.testing.assert_allclose(call(geometry.angle, u, v), expected, atol=1e-5)


@pytest.mark.parametrize("theta", [1e-5, 1e-3, 1.0, np.pi - 1e-3, np.pi - 1e-5])
def test_angle_keeps_its_digits_near_zero_and_pi(theta):
    u, v = [1.0, 0.0], [np.cos(theta), np.sin(theta)]
    angle = call(geometry.angle, u, v)
    np.testing.assert_allclose(
        min(angle, np.pi - angle), min(theta, np.pi - theta), rtol=0.02
    )


@wild
@given(pairs(), directions)
def test_tangent_is_the_part_perpendicular_to_the_row(pair, g):
    w, _ = pair
    expected = g - (g @ unit(w)) * unit(w)
    np.testing.assert_allclose(call(geometry.tangent, g, w), expected, atol=1e-6)


@wild
@given(pairs())
def test_toward_is_perpendicular_of_length_one_or_undefined(pair):
    w, v = pair
    turn = call(geometry.toward, w, v)
    cosine = unit(w) @ unit(v)
    sine = np.linalg.norm(unit(v) - cosine * unit(w))
    assume(sine == 0 or sine > 1e-2 or sine < 1e-8)
    if sine < 1e-8 or not np.any(w):
        np.testing.assert_array_equal(turn, np.zeros(4))
    else:
        assert abs(turn @ unit(w)) < 1e-4
        np.testing.assert_allclose(np.linalg.norm(turn), 1.0, rtol=1e-5)
        # The tangent is a small difference: it keeps rounding errors over the sine.
        tolerance = 1e-6 + 1e-6 / sine
        np.testing.assert_allclose(turn @ unit(v), sine, atol=tolerance)


@wild
@given(pairs(), st.floats(0, 1))
def test_slerp_matches_the_formula(pair, rate):
    w, v = pair
    cosine = abs(unit(w) @ unit(v))
    assume(cosine < 0.9999 or cosine > 1 - 1e-14)  # no digits to compare in between
    turned = call(geometry.slerp, w, v, rate=rate)
    scale = np.linalg.norm(w) or 1.0
    expected = slerp_by_the_formula(w, v, rate)
    np.testing.assert_allclose(turned / scale, expected / scale, atol=1e-4)


@wild
@given(pairs(), st.floats(0, 1))
def test_slerp_keeps_the_length(pair, rate):
    w, v = pair
    turned = np.float64(call(geometry.slerp, w, v, rate=rate))
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(w), rtol=1e-4)


@wild
@given(pairs())
@example((np.zeros(4), np.zeros(4)))
@example((np.full(4, 1e-15), np.zeros(4)))
@example((np.full(4, 1e15), np.full(4, 1e-15)))
@example((np.full(4, 1e15), np.full(4, -1e-15)))
@pytest.mark.parametrize(
    "function",
    [
        geometry.cosine,
        geometry.angle,
        geometry.toward,
        lambda u, v: geometry.slerp(u, v, 0.3),
    ],
)
def test_values_and_gradients_are_finite(function, pair):
    u, v = (np.asarray(row, "float32")[None] for row in pair)
    assert np.all(np.isfinite(ops.convert_to_numpy(function(u, v))))
    for g in gradient(lambda u, v: ops.sum(function(u, v)), u, v):
        assert np.all(np.isfinite(g))


def test_unit_of_zero_is_zero_with_a_finite_gradient():
    zero = np.zeros((2, 3))
    np.testing.assert_array_equal(ops.convert_to_numpy(geometry.unit(zero)), zero)
    slope = gradient(lambda v: ops.sum(geometry.unit(v)), zero)
    assert np.all(np.isfinite(slope))
    length_slope = gradient(lambda v: ops.sum(geometry.norm(v)), zero)
    np.testing.assert_array_equal(length_slope, zero)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_everything_is_computed_in_float32(dtype):
    rows = ops.cast(np.array([[3.0, 4.0], [300.0, 400.0]]), dtype)
    for result in (geometry.unit(rows), geometry.slerp(rows, -rows, 0.5)):
        assert ops.dtype(result) == "float32"
    # 300² + 400² overflows float16
    np.testing.assert_allclose(
        ops.convert_to_numpy(geometry.norm(rows)), [5.0, 500.0], rtol=1e-6
    )


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("seen", [[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 1, 0]])
def test_mean_directions_match_a_loop(center, seen):
    rng = np.random.default_rng(0)
    means = rng.normal(size=(4, 3))
    expected = mean_directions(means, seen, center)
    result = geometry.mean_directions(means, np.array(seen), center)
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected, atol=1e-6)


def test_means_over_no_seen_class_are_zero():
    values, none = np.ones((3, 2)), np.zeros(3)
    mean = ops.convert_to_numpy(geometry.mean_over_seen(values, none))
    assert mean.tolist() == [0, 0]


@pytest.fixture
def covariance():
    root = np.random.RandomState(0).randn(5, 5)
    return root @ root.T + 0.1 * np.eye(5)


def test_whitened_rows_have_the_inner_products_of_the_metric(covariance):
    u, v, features = np.random.RandomState(1).randn(3, 4, 5)
    whitening = geometry.Whitening(np.linalg.cholesky(covariance))
    rows = whitening.weights(u), whitening.weights(v)
    expected = [a @ covariance @ b for a, b in zip(u, v, strict=True)]
    np.testing.assert_allclose(geometry.dot(*rows), expected, rtol=1e-4)
    np.testing.assert_allclose(geometry.dot(u, v, covariance), expected, rtol=1e-4)
    logits = geometry.dot(rows[0], whitening.means(features))
    np.testing.assert_allclose(logits, np.sum(u * features, axis=1), atol=1e-4)
    np.testing.assert_allclose(whitening.weights_back(rows[0]), u, atol=1e-4)


@pytest.mark.parametrize("function", ["cosine", "angle", "toward", "slerp"])
def test_the_metric_is_the_plain_geometry_of_whitened_rows(function, covariance):
    weights, means = np.random.RandomState(2).randn(2, 4, 5)
    whitening = geometry.Whitening(np.linalg.cholesky(covariance))
    targets = geometry.targets(means, covariance)
    rate = (0.3,) if function == "slerp" else ()
    expected = getattr(geometry, function)(weights, targets, *rate, metric=covariance)
    rows = whitening.weights(weights), whitening.means(means)
    whitened = getattr(geometry, function)(*rows, *rate)
    if function in ("toward", "slerp"):
        whitened = whitening.weights_back(whitened)
    np.testing.assert_allclose(whitened, expected, rtol=1e-3, atol=1e-4)


def test_isotropic_noise_is_white_as_it_is():
    rows = np.random.RandomState(0).randn(3, 4)
    plain = geometry.Whitening(None)
    for change in (plain.weights, plain.means, plain.weights_back):
        np.testing.assert_array_equal(change(rows), rows.astype("float32"))
