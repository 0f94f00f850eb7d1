"""The prior's share and the three numbers, on data whose answer is known."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from keras_spa.trained import adjustment

K = 4
PRIOR = np.log(np.array([0.7, 0.2, 0.07, 0.03]))


def sample(share, images=40_000, seed=0):
    """Logits z and labels drawn from `softmax(z + share·log π)`."""
    random = np.random.RandomState(seed)
    logits = 2 * random.randn(images, K)
    odds = softmax(logits + share * PRIOR, axis=1)
    labels = (odds.cumsum(axis=1) < random.rand(images, 1)).sum(axis=1)
    return logits, np.minimum(labels, K - 1)


@pytest.mark.parametrize("share", [-0.5, 0.0, 0.4, 1.0, 1.3])
def test_the_share_is_the_one_that_labels_were_drawn_with(share):
    logits, labels = sample(share)
    found = adjustment.prior_share(logits, labels, PRIOR)
    assert found == pytest.approx(share, abs=0.03)

    def likelihood(t):
        terms = log_softmax(logits + t * PRIOR, axis=1)
        return terms[np.arange(len(labels)), labels].sum()

    assert likelihood(found) >= max(likelihood(found - 0.01), likelihood(found + 0.01))


def test_a_share_beyond_the_limits_ends_there():
    logits, _ = sample(0.0, images=200)
    assert adjustment.prior_share(logits, np.zeros(200, int), PRIOR) == 2
    assert adjustment.prior_share(logits, np.full(200, 3), PRIOR) == -1


@pytest.mark.parametrize("margin", [20.0, 60.0, 200.0])
def test_labels_that_are_nearly_certain_have_a_share(margin):
    """Far below the rounding of their probabilities, margins still tell."""
    logits = np.array([[margin, 1.0, 0, 0], [1.0, margin, 0, 0]])
    gap = PRIOR[0] - PRIOR[1]
    # Both images are as uncertain where margin − 1 + t·gap = margin − 1 − t·gap + 1.
    logits[0, 0] -= 0.5 * gap
    logits[1, 1] += 0.5 * gap
    logits[:, 2:] = -1e4
    found = adjustment.prior_share(logits, np.array([0, 1]), PRIOR)
    assert found == pytest.approx(0.5, abs=1e-3)


def test_labels_that_are_certain_at_any_share_ask_for_no_adjustment():
    logits = 1e4 * np.eye(K)
    assert adjustment.prior_share(logits, np.arange(K), PRIOR) == 1
    logits[0, 0] = -1e4  # one image is wrong, which tells all there is to tell
    assert adjustment.prior_share(logits, np.arange(K), PRIOR) == 2


def test_equal_frequencies_have_no_share():
    logits, labels = sample(0.0, images=50)
    assert adjustment.prior_share(logits, labels, np.full(K, -np.log(K))) == 0


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("absent", [0, 3])
def test_images_of_other_frequencies_than_the_prior_tell_the_same(share, absent):
    """Of the images of each class a part in inverse ratio to π; of one class none."""
    logits, labels = sample(share)
    kept = np.random.RandomState(1).rand(len(labels)) < 0.02 / np.exp(PRIOR)[labels]
    kept &= labels != absent
    logits, labels = logits[kept], labels[kept]
    counts = np.where(np.arange(K) == absent, 0, 10)
    found = adjustment.prior_share(logits, labels, PRIOR, counts=counts)
    assert found == pytest.approx(share, abs=0.15)
    assert abs(adjustment.prior_share(logits, labels, PRIOR) - share) > 0.16


def test_equally_frequent_classes_of_an_unequal_prior_ask_for_no_adjustment():
    prior = np.log(np.array([0.4, 0.4, 0.2]))
    logits, labels = np.random.RandomState(0).randn(50, 3), np.arange(50) % 2
    counts = np.bincount(labels, minlength=3)
    assert adjustment.prior_share(logits, labels, prior, counts=counts) == 1


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.1, 0), (-0.25, 0), (0.5, 0.5), (0.8, 1), (1.25, 1), (1.4, 1), (-0.6, 0)],
)
def test_shares_near_0_and_1_and_beyond_are_snapped(share, expected):
    assert adjustment.snapped(share) == expected


def test_log_loss_counts_classes_alike():
    logits = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    labels = np.array([0, 0, 0, 1])
    expected = (np.log(1 + np.exp(-2)) + np.log(2)) / 2
    assert adjustment.log_loss(logits, labels) == pytest.approx(expected)


def test_the_fit_finds_the_numbers_that_labels_were_drawn_with():
    random = np.random.RandomState(1)
    logits, optimal = random.randn(2, 60_000, K)
    odds = softmax(0.8 * logits + 1.5 * optimal - 0.6 * PRIOR, axis=1)
    labels = (odds.cumsum(axis=1) < random.rand(60_000, 1)).sum(axis=1)
    labels = np.minimum(labels, K - 1)
    # Weighing the classes alike multiplies the odds of each by 1 / its frequency.
    frequency = np.log(np.bincount(labels) / len(labels))
    scale, beta, tau = adjustment.fitted(
        logits, optimal, PRIOR, labels, (1.0, 0.2, 1.0)
    )
    assert (scale, beta) == pytest.approx((0.8, 1.5), abs=0.06)
    left = -tau * PRIOR + 0.6 * PRIOR + frequency  # the same for all classes
    assert np.ptp(left) < 0.25


def test_the_slope_of_the_fit_is_that_of_its_loss():
    """Started elsewhere, or with few images, it ends at the same minimum."""
    random = np.random.RandomState(2)
    logits, optimal = random.randn(2, 30, K)
    labels = np.arange(30) % K
    about = (1.0, 0.2, 1.0)
    found = np.array(adjustment.fitted(logits, optimal, PRIOR, labels, about))

    def loss(values):
        a, beta, tau = values
        mixed = a * logits + beta * optimal - tau * PRIOR
        centred = [logits, optimal, np.broadcast_to(-PRIOR, logits.shape)]
        units = [(p - p.mean(axis=1, keepdims=True)).std() for p in centred]
        ridge = np.sum(((values - np.array(about)) * units) ** 2)
        return adjustment.log_loss(mixed, labels) + (0.001 + 0.3 / 30) * ridge

    for direction in np.eye(3):
        assert loss(found) <= loss(found + 0.02 * direction) + 1e-9
        assert loss(found) <= loss(found - 0.02 * direction) + 1e-9


def test_classes_without_held_out_images_do_not_compete():
    """Else they would seem to be wrong wherever they are likely."""
    random = np.random.RandomState(4)
    logits, optimal = random.randn(2, 200, K)
    labels = random.randint(0, 2, 200)
    about = (1.0, 0.2, 1.0)
    found = adjustment.fitted(logits, optimal, PRIOR, labels, about)
    two = (array[..., :2] for array in (logits, optimal, PRIOR))
    assert found == pytest.approx(adjustment.fitted(*two, labels, about))
    alone = adjustment.fitted(logits, optimal, PRIOR, np.zeros(200, int), about)
    assert alone == pytest.approx(about)


@pytest.mark.parametrize("size", [1e-6, 1e6, 1e12])
def test_logits_of_any_size_are_scaled(size):
    """Those of a model that is sure, and wrong as often as one that is not."""
    random = np.random.RandomState(3)
    labels = random.randint(0, K, 300)
    optimal = 2 * np.eye(K)[labels] + random.randn(300, K)
    logits = size * (2 * np.eye(K)[labels] + 2 * random.randn(300, K))
    values = adjustment.fitted(logits, optimal, PRIOR, labels, (1.0, 0.2, 0.0))
    parts = (logits, optimal, -PRIOR)
    after = sum(value * part for value, part in zip(values, parts, strict=True))
    plain = adjustment.fitted(logits / size, optimal, PRIOR, labels, (1.0, 0.2, 0.0))
    parts = (logits / size, optimal, -PRIOR)
    best = sum(value * part for value, part in zip(plain, parts, strict=True))
    loss = adjustment.log_loss(after, labels)
    assert loss == pytest.approx(adjustment.log_loss(best, labels), abs=0.1)
    assert loss < adjustment.log_loss(optimal, labels) + 0.02


def test_the_temperature_is_that_of_least_squares_over_the_features():
    random = np.random.RandomState(0)
    means, root = random.randn(K, 3), random.randn(3, 3)
    before, after = ((random.randn(K, 3), random.randn(K)) for _ in range(2))
    after = tuple(2 * old + 0.3 * new for old, new in zip(before, after, strict=True))
    features = means[np.arange(80_000) % K] + random.randn(80_000, 3) @ root.T
    old, new = (features @ w.T + b for w, b in (before, after))
    old, new = (z - z.mean(axis=1, keepdims=True) for z in (old, new))
    found = adjustment.temperature(before, after, means, root @ root.T)
    assert found == pytest.approx(np.sum(new * new) / np.sum(new * old), rel=0.01)
    assert found > 1.5


def test_a_classifier_as_it_was_keeps_its_temperature():
    means = np.random.RandomState(0).randn(K, 3)
    classifier = means, np.zeros(K)
    zeros = np.zeros((K, 3)), np.ones(K)
    for before, after in ((classifier, classifier), (zeros, classifier)):
        assert adjustment.temperature(before, after, means, np.eye(3)) == 1.0
    opposite = tuple(-array for array in classifier)
    assert adjustment.temperature(classifier, opposite, means, np.eye(3)) == 1.0


def test_a_fit_on_one_image_a_class_stays_near_the_rule():
    """Three unknowns and three images: without a ridge it may go anywhere."""
    apart = []
    for seed in range(20):
        logits, optimal = 3 * np.eye(3) + 2 * np.random.RandomState(seed).randn(2, 3, 3)
        prior = np.log(np.array([0.8, 0.15, 0.05]))
        found = adjustment.fitted(logits, optimal, prior, np.arange(3), (1, 0.2, 1.0))
        apart.append(np.abs(np.array(found) - (1, 0.2, 1)).max())
    assert max(apart) < 2
