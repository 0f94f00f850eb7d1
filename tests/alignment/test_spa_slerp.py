import keras
import numpy as np
import pytest
from keras import ops
from reference import mean_directions, unit

from keras_spa import ClassStatistics, CosineRamp, SpASLERP

SEEN = np.float32([1, 1, 0, 1, 1])


def arrays(seed=0):
    return np.random.default_rng(seed).normal(size=(2, 5, 4)).astype("float32")


def update(align, weights, means, seen=SEEN, step=0):
    weights, means = np.float32(weights), np.float32(means)
    statistics = ClassStatistics(means, seen)
    return ops.convert_to_numpy(align.update_weights(weights, statistics, step))


def formula(weights, means, rate, threshold, center):
    """Row after row, for weights that are neither zero nor parallel to their means."""
    directions = mean_directions(means, SEEN, center)
    result = np.float64(weights)
    for c in np.flatnonzero(SEEN):
        w, m = unit(weights[c]), directions[c]
        if w @ m <= threshold:
            theta = np.arccos(w @ m)
            turned = np.sin((1 - rate) * theta) * w + np.sin(rate * theta) * m
            result[c] = np.linalg.norm(weights[c]) * turned / np.sin(theta)
    return result


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("threshold", [-0.3, 0.2, 0.95])
@pytest.mark.parametrize("rate", [0.0, 0.02, 0.7])
def test_matches_the_formula(rate, threshold, center):
    weights, means = arrays()
    expected = formula(weights, means, rate, threshold, center)
    result = update(SpASLERP.paper(rate, threshold, center=center), weights, means)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rate", [0.02, 0.5, 1.0])
def test_keeps_every_length(rate):
    weights, means = arrays()
    result = update(SpASLERP.paper(rate), weights, means)
    before, after = (np.linalg.norm(w, axis=1) for w in (weights, result))
    np.testing.assert_allclose(after, before, rtol=1e-5)


def test_rate_one_arrives_at_the_means():
    weights, means = arrays()
    result = update(SpASLERP.paper(1.0, threshold=1.0), weights, means)
    for c in np.flatnonzero(SEEN):
        np.testing.assert_allclose(unit(result[c]), unit(means[c]), atol=1e-5)


def test_repeated_steps_stop_once_past_the_threshold():
    weights, means = arrays(seed=1)
    align = SpASLERP.paper(rate=0.1, threshold=0.9)
    for _ in range(100):
        weights = update(align, weights, means)
    cosines = [unit(weights[c]) @ unit(means[c]) for c in np.flatnonzero(SEEN)]
    # the last step starts at an angle of at least arccos 0.9, and leaves 90 % of it
    assert all(0.9 < c <= np.cos(0.9 * np.arccos(0.9)) + 1e-4 for c in cosines)
    np.testing.assert_array_equal(update(align, weights, means), weights)


def test_norm_equal_gives_all_seen_rows_their_mean_length():
    weights, means = arrays()
    weights[0] = 5 * means[0]  # above the threshold: not turned, but of equal length
    mean_length = np.mean([np.linalg.norm(weights[c]) for c in np.flatnonzero(SEEN)])
    result = update(SpASLERP.paper(0.3, norm="equal"), weights, means)
    for c in np.flatnonzero(SEEN):
        np.testing.assert_allclose(np.linalg.norm(result[c]), mean_length, rtol=1e-5)
    kept = update(SpASLERP.paper(0.3, norm="keep"), weights, means)
    for c in np.flatnonzero(SEEN):
        np.testing.assert_allclose(unit(result[c]), unit(kept[c]), atol=1e-6)


@pytest.mark.parametrize("norm", ["keep", "equal"])
def test_unseen_rows_are_bit_identical(norm):
    weights, means = arrays(seed=1)
    result = update(SpASLERP.paper(0.5, norm=norm), weights, means)
    np.testing.assert_array_equal(result[SEEN == 0], weights[SEEN == 0])
    assert np.all(result[SEEN == 1] != weights[SEEN == 1])


def test_rows_without_a_direction_to_turn_in_stay():
    weights = [[1, 2, 3, 0], [1, 2, 3, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    means = [[-2, -4, -6, 0], [2, 4, 6, 0], [1, 2, 3, 4], [0, 0, 0, 0]]
    result = update(SpASLERP.paper(0.5, threshold=1.0), weights, means, np.ones(4))
    np.testing.assert_array_equal(result, np.float32(weights))


@pytest.mark.parametrize("step", [0, 3, 10, 25])
def test_a_schedule_gives_the_rate_of_the_step(step):
    weights, means = arrays()
    ramp = CosineRamp(0.8, steps=10)
    rate = 0.8 * 0.5 * (1 - np.cos(np.pi * min(step, 10) / 10))
    np.testing.assert_allclose(
        update(SpASLERP.paper(ramp), weights, means, step=step),
        formula(weights, means, rate, threshold=0.95, center=False),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_turn_every_few_steps_makes_up_for_those_left_out():
    weights, means = arrays()
    often, seldom = (
        SpASLERP.paper(0.1, threshold=1.0, every=every) for every in (1, 3)
    )
    expected = turned = weights
    for step in range(1, 7):
        expected = update(often, expected, means, step=step)
        before, turned = turned, update(seldom, turned, means, step=step)
        assert (step % 3 == 0) == bool(np.any(before != turned))
    np.testing.assert_allclose(turned, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "longer"), [("keep", 1), ("noise", 3)])
def test_lengths_stay_while_the_noise_is_another_at_each_turn(norm, longer):
    """Batches of few images, beside d: 100 turns, each in the metric of ten draws."""
    random = np.random.RandomState(0)
    first = weights = random.randn(3, 40)
    slerp = SpASLERP(0.1, norm=norm)
    means, seen = random.randn(3, 40), np.ones(3)
    for step in range(100):
        noise = np.cov(random.randn(10, 40).T)
        known = ClassStatistics(
            *(ops.convert_to_tensor(a, "float32") for a in (means, seen, noise, 1.0))
        )
        weights = ops.convert_to_numpy(slerp.update_weights(weights, known, step))
    ratios = np.linalg.norm(weights, axis=1) / np.linalg.norm(first, axis=1)
    if norm == "keep":
        np.testing.assert_allclose(ratios, longer, rtol=1e-4)
    else:  # what its docstring warns of
        assert (ratios > longer).all()


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX traces both branches of a condition"
)
def test_after_its_last_step_a_turn_is_not_computed(monkeypatch):
    first = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.5, 0.0])
    weights, means = arrays()
    slerp = SpASLERP.paper(first, 1.0)
    calls, original = [], SpASLERP._turned

    def counted(*arguments):
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(SpASLERP, "_turned", counted)
    turned = [update(slerp, weights, means, step=step) for step in (3, 4)]
    assert len(calls) == 1
    assert np.abs(turned[0] - weights).max() > 0.1
    np.testing.assert_array_equal(turned[1], weights)


def test_equal_lengths_stay_equal_after_the_last_turn():
    first = keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.5, 0.0])
    weights, means = arrays()
    slerp = SpASLERP.paper(first, 1.0, norm="equal")
    after = update(slerp, weights, means, step=4)[SEEN > 0]
    lengths = np.linalg.norm(after, axis=1)
    np.testing.assert_allclose(lengths, lengths.mean(), rtol=1e-5)


class Shaped(keras.optimizers.schedules.LearningRateSchedule):
    """One that gives an array, as some users' do."""

    def __call__(self, step):
        return ops.full((1,), 0.5)


def test_a_schedule_may_give_an_array():
    weights, means = arrays()
    turned = update(SpASLERP.paper(Shaped(), 1.0), weights, means)
    np.testing.assert_allclose(
        turned, update(SpASLERP.paper(0.5, 1.0), weights, means), atol=1e-6
    )


@pytest.mark.parametrize("center", [True, False])
def test_biases_follow_a_turn_but_in_the_papers_form(center):
    weights, means = arrays()
    known, centre = ClassStatistics(means, SEEN), means[SEEN > 0].mean(axis=0)
    biases = np.arange(5, dtype="float32")
    for slerp, stay in (
        (SpASLERP(0.5, noise="isotropic", center=center), True),
        (SpASLERP.paper(0.5, 1.0, center=center, biases="follow"), True),
        (SpASLERP.paper(0.5, 1.0, center=center), False),
        (SpASLERP(0.5, noise="isotropic", biases="keep"), False),
    ):
        turned = slerp.update_weights(weights, known, 0)
        given = ops.convert_to_tensor(biases)
        moved = slerp.update_biases(given, weights, turned, known)
        turned, moved = map(ops.convert_to_numpy, (turned, moved))
        after, before = turned @ centre + moved, weights @ centre + biases
        assert np.allclose(after, before, atol=1e-4) == stay
        assert np.array_equal(moved, biases) != stay
