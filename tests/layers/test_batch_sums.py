"""What a batch does to the class means, against the dense formula in float64."""

import numpy as np
import pytest
from gradients import gradient
from keras import ops

from keras_spa.layers import ClassMeans

K, D, B, MOMENTUM = 7, 5, 12, 0.8
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(B, D)).astype("float32") + 3
LABELS = np.array([0, 5, 0, 3, 3, 3, 5, 0, 1, 2, 1, 6])  # repeated; 4 never comes
SOFT = (0.7 * np.eye(K)[LABELS] + 0.3 * np.eye(K)[np.roll(LABELS, 1)]).astype("float32")
WEIGHTS = np.float32([1, 2, 0.5, 0, 1, 3, 1, 1, 0, 0, 1, 0])  # 2 and 6 count nowhere
OLD = RNG.normal(size=(K, D)).astype("float32")
SEEN = np.float32([1, 0, 1, 1, 1, 1, 0])
DIRECTION = RNG.normal(size=(K, D))
cases = pytest.mark.parametrize(
    ("labels", "shares"),
    [(LABELS, np.eye(K)[LABELS]), (LABELS[:, None], np.eye(K)[LABELS]), (SOFT, SOFT)],
    ids=["(B,)", "(B, 1)", "soft"],
)
weighting = pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])


def layer():
    made = ClassMeans(K, MOMENTUM)
    made.build((None, D))
    made.means.assign(OLD * SEEN[:, None])
    made.seen.assign(SEEN)
    return made


def dense(shares, weights):
    """Means (K, d), seen (K,), and what each sample counts in each mean, (B, K)."""
    shares = np.float64(shares) * (1 if weights is None else weights[:, None])
    total = shares.sum(axis=0)
    mixed = shares / np.where(total > 0, total, 1)
    keep = np.where(total > 0, MOMENTUM * SEEN, 1.0)
    means = keep[:, None] * OLD * SEEN[:, None]
    means = means + (1 - keep)[:, None] * (mixed.T @ np.float64(FEATURES))
    return means, np.maximum(SEEN, total > 0), (1 - keep) * mixed


@cases
@weighting
def test_means_are_those_of_the_dense_formula(labels, shares, weights):
    made = layer().updated(ops.convert_to_tensor(FEATURES), labels, weights)
    means, seen, _ = dense(shares, weights)
    np.testing.assert_allclose(ops.convert_to_numpy(made.means), means, atol=1e-6)
    np.testing.assert_array_equal(ops.convert_to_numpy(made.seen), seen)
    present = dense(shares, weights)[2].any(axis=0)
    assert present.sum() < K
    kept = ops.convert_to_numpy(made.means)[~present]
    np.testing.assert_array_equal(kept, (OLD * SEEN[:, None])[~present])


@cases
@weighting
def test_gradients_reach_each_sample_by_its_share(labels, shares, weights):
    made = layer()

    def along(features):
        means = made.updated(features, labels, weights).means
        return ops.sum(means * ops.convert_to_tensor(np.float32(DIRECTION)))

    _, _, counted = dense(shares, weights)
    expected = counted @ DIRECTION
    np.testing.assert_allclose(gradient(along, FEATURES), expected, atol=1e-6)
    assert np.any(expected)
