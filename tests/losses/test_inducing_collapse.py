import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import inducing_collapse

RNG = np.random.default_rng(0)
K, D = 4, 5
LABELS = np.array([0, 0, 1, 0, 3, 0, 1])  # nothing of class 2
FEATURES = RNG.normal(size=(len(LABELS), D)).astype("float32")
CENTERS = RNG.normal(size=(K, D)).astype("float32")
BOTH = pytest.mark.parametrize("pairs", ["closest", "each"])


def formula(features, centers, compactness, separation, pairs):
    """Class by class, pair by pair."""
    compact = 0
    for c in set(LABELS):
        squares = [np.sum((h - centers[c]) ** 2) for h in features[c == LABELS]]
        compact += np.mean(squares) / K
    directions = [mu - np.mean(centers, axis=0) for mu in centers]
    angles = []
    for c, one in enumerate(directions):
        others = directions[:c] + directions[c + 1 :]
        lengths = [np.linalg.norm(one) * np.linalg.norm(other) for other in others]
        dots = [one @ other for other in others]
        angles.append(min(np.arccos(np.divide(dots, lengths))))
    angle = min(angles) if pairs == "closest" else np.mean(angles)
    return compactness * compact - separation * angle


@BOTH
@pytest.mark.parametrize("weights", [(1, 0), (0, 1), (0.01, 0.5)])
def test_matches_the_formula(weights, pairs):
    for labels in (LABELS, LABELS[:, None]):
        loss = inducing_collapse(FEATURES, labels, CENTERS, *weights, pairs)
        expected = formula(FEATURES, CENTERS, *weights, pairs)
        assert float(loss) == pytest.approx(expected, rel=1e-5)


@BOTH
def test_gradients_match_finite_differences(pairs):
    weights = 0.3, 0.7, pairs
    slopes = gradient(
        lambda h, mu: inducing_collapse(h, LABELS, mu, *weights), FEATURES, CENTERS
    )
    expected = (
        numeric_gradient(lambda h: formula(h, CENTERS, *weights), FEATURES),
        numeric_gradient(lambda mu: formula(FEATURES, mu, *weights), CENTERS),
    )
    for slope, wanted in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-5)


@BOTH
def test_descent_makes_the_centres_an_etf(pairs):
    centers, step = CENTERS, 0.5
    for count in range(300):
        slope = gradient(
            lambda mu: inducing_collapse(FEATURES, LABELS, mu, 0, 1, pairs), centers
        )
        centers = centers - step / (1 + count / 10) * slope
    directions = centers - centers.mean(axis=0)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    cosines = (directions @ directions.T)[~np.eye(K, dtype=bool)]
    assert cosines.max() < -1 / (K - 1) + 0.05


def test_equal_centres_and_half_precision_are_finite():
    for centers in (CENTERS * 0, np.repeat(CENTERS[:1], K, axis=0), CENTERS):
        slope = gradient(
            lambda mu: inducing_collapse(FEATURES, LABELS, mu, 0.1, 1), centers
        )
        assert np.isfinite(slope).all()
    half = inducing_collapse(ops.cast(FEATURES, "float16"), LABELS, CENTERS)
    assert ops.dtype(half) == "float32"


@BOTH
@pytest.mark.parametrize("centers", [[[1, 0], [-1, 0]], [[1, 0], [1, 0], [-2, 0]]])
def test_opposite_and_equal_directions_have_a_finite_gradient(centers, pairs):
    """There the arc cosine has none."""
    features, labels = np.ones((2, 2), "float32"), np.array([0, 1])
    slope = gradient(
        lambda mu: inducing_collapse(features, labels, mu, 0, 1, pairs),
        np.array(centers, "float32"),
    )
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.ones((7, 4))}, "`features` must have shape"),
        ({"centers": np.ones(D)}, "`centers` must have shape"),
        ({"centers": np.ones((1, D))}, "`centers` must have shape"),
        ({"labels": np.ones((7, K)) / K}, "`labels` must be integers"),
        ({"labels": LABELS[:3]}, "`labels` and `features` must have as many rows"),
        ({"labels": LABELS + 1}, "labels"),
        ({"compactness": -1}, "`compactness` must be"),
        ({"separation": np.nan}, "`separation` must be"),
        ({"pairs": "all"}, "`pairs` must be"),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"features": FEATURES, "labels": LABELS, "centers": CENTERS}
    with pytest.raises(ValueError, match=f"{message}.*Received"):
        inducing_collapse(**{**good, **change})


def test_the_etf_is_the_least_of_the_second_term():
    etf = spa.theory.simplex_etf(K, D)
    best = float(inducing_collapse(etf[LABELS], LABELS, etf, 1, 1))
    assert best == pytest.approx(-np.arccos(-1 / (K - 1)), rel=1e-5)
    assert best < float(
        inducing_collapse(etf[LABELS], LABELS, etf + 0.1 * CENTERS, 0, 1)
    )
