import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops
from reference import mean_directions, unit

from keras_spa import ClassStatistics, SpAReg
from keras_spa.layers import ClassMeans

K, D, MOMENTUM = 4, 3, 0.9
LABELS = np.array([0, 2, 0, 1, 2, 0])  # class 3 is absent
RNG = np.random.default_rng(0)
WEIGHTS, OLD_MEANS = RNG.normal(size=(2, K, D))
FEATURES = RNG.normal(size=(len(LABELS), D))


def penalty(weights, means, seen, strength, center):
    directions = mean_directions(means, seen, center)
    terms = [1 - unit(weights[c]) @ directions[c] for c in range(K) if seen[c]]
    return strength * sum(terms) / len(terms)


def updated_means(features, first_sight):
    means, seen = (np.zeros((K, D)), np.zeros(K)) if first_sight else (OLD_MEANS, SEEN)
    means, seen = means.copy(), seen.copy()
    for c in set(LABELS):
        mean = np.mean([f for f, y in zip(features, LABELS, strict=True) if y == c], 0)
        means[c] = MOMENTUM * means[c] + (1 - MOMENTUM) * mean if seen[c] else mean
        seen[c] = 1
    return means, seen


SEEN = np.ones(K)


@pytest.mark.parametrize("strength", [0.1, -2.0])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("seen", [[1, 1, 1, 1], [1, 0, 1, 0]])
def test_matches_the_formula(strength, center, seen):
    statistics = ClassStatistics(OLD_MEANS, np.array(seen))
    result = SpAReg.paper(strength, center=center).penalty(WEIGHTS, statistics)
    expected = penalty(WEIGHTS, OLD_MEANS, seen, strength, center)
    assert float(result) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("scale", "expected"), [(3.0, 0.0), (-3.0, 0.4)])
def test_runs_from_zero_if_aligned_to_twice_the_strength_if_opposite(scale, expected):
    statistics = ClassStatistics(OLD_MEANS, SEEN)
    result = SpAReg.paper(0.2, center=False).penalty(scale * OLD_MEANS, statistics)
    assert float(result) == pytest.approx(expected, abs=1e-6)


def test_is_zero_as_long_as_no_class_has_been_seen():
    none = 0 * OLD_MEANS, np.zeros(K)
    assert float(SpAReg.paper(0.2).penalty(WEIGHTS, ClassStatistics(*none))) == 0
    slope = gradient(
        lambda w: SpAReg.paper(0.2).penalty(w, ClassStatistics(*none)), WEIGHTS
    )
    np.testing.assert_array_equal(slope, np.zeros((K, D)))


@pytest.mark.parametrize("first_sight", [True, False])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("mode", ["both", "classifier", "features"])
def test_gradients_match_finite_differences(mode, center, first_sight):
    layer = ClassMeans(K, MOMENTUM)
    layer.build((None, D))
    if not first_sight:
        layer.assign(ClassStatistics(OLD_MEANS, SEEN))
    align = SpAReg.paper(0.5, center=center, gradient=mode)

    def result(weights, features):
        return align.penalty(weights, layer.updated(features, LABELS))

    def expected(weights, features):
        return penalty(weights, *updated_means(features, first_sight), 0.5, center)

    by_weights = numeric_gradient(lambda w: expected(w, FEATURES), WEIGHTS)
    by_features = numeric_gradient(lambda h: expected(WEIGHTS, h), FEATURES)
    if mode == "classifier":
        by_features = np.zeros_like(by_features)
    if mode == "features":
        by_weights = np.zeros_like(by_weights)
    got_weights, got_features = gradient(result, WEIGHTS, FEATURES)
    np.testing.assert_allclose(got_weights, by_weights, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(got_features, by_features, rtol=1e-3, atol=1e-6)


def test_a_later_batch_moves_the_features_by_its_share_of_the_mean():
    layer = ClassMeans(K, momentum=1.0)  # the share of the batch is 0
    layer.build((None, D))
    layer.assign(ClassStatistics(OLD_MEANS, SEEN))

    def result(features):
        return SpAReg.paper(0.5).penalty(WEIGHTS, layer.updated(features, LABELS))

    np.testing.assert_array_equal(gradient(result, FEATURES), 0 * FEATURES)


def test_as_a_kernel_regularizer_takes_a_kernel_and_the_means_of_its_layer():
    layer = ClassMeans(K)
    layer.build((None, D))
    layer.assign(ClassStatistics(OLD_MEANS, SEEN))
    kernel = WEIGHTS.T.astype("float32")
    regularizer = SpAReg.paper(0.3, class_means=layer)
    expected = penalty(WEIGHTS, OLD_MEANS, SEEN, 0.3, center=True)
    assert float(regularizer(kernel)) == pytest.approx(expected, rel=1e-5)
    slope = gradient(regularizer, kernel)
    by_weights = numeric_gradient(
        lambda w: penalty(w, OLD_MEANS, SEEN, 0.3, center=True), WEIGHTS
    )
    np.testing.assert_allclose(slope, by_weights.T, rtol=1e-3, atol=1e-6)


def test_a_kernel_regularizer_is_zero_before_its_class_means_are_built():
    assert float(SpAReg.paper(0.3, class_means=ClassMeans(K))(ops.ones((D, K)))) == 0


def test_a_kernel_regularizer_without_class_means_says_what_to_do():
    with pytest.raises(ValueError, match="`class_means` is missing.*alignment=SpAReg"):
        SpAReg.paper(0.3)(np.ones((D, K)))
