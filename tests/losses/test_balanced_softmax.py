import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops

from keras_spa.losses import BalancedSoftmax

COUNTS = [5000, 300, 20, 1]
K, B = len(COUNTS), 12
RNG = np.random.default_rng(0)
LOGITS = RNG.uniform(-50, 50, size=(B, K)).astype("float32")
LABELS = np.arange(B) % K
SOFT = RNG.dirichlet(np.ones(K), size=B).astype("float32")


def by_the_formula(labels, logits, counts=COUNTS):
    """`−Σ_c y_c log( n_c·exp(z_c) / Σ_j n_j·exp(z_j) )`, sample by sample."""
    losses = []
    for y, z in zip(labels, np.float64(logits), strict=True):
        total = sum(n * np.exp(z_c) for n, z_c in zip(counts, z, strict=True))
        shares = y if np.ndim(y) else np.eye(K)[y]
        terms = [
            share * np.log(n * np.exp(z_c) / total)
            for share, n, z_c in zip(shares, counts, z, strict=True)
        ]
        losses.append(-sum(terms))
    return np.array(losses)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], SOFT], ids=np.shape)
def test_matches_the_formula_sample_by_sample(labels):
    expected = by_the_formula(labels.squeeze(), LOGITS)
    each = ops.convert_to_numpy(BalancedSoftmax(COUNTS, reduction=None)(labels, LOGITS))
    np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-5)
    mean = float(BalancedSoftmax(COUNTS)(labels, LOGITS))
    assert mean == pytest.approx(expected.mean(), rel=1e-5)


def test_soft_labels_of_one_class_equal_integers():
    one_hot = np.eye(K, dtype="float32")[LABELS]
    loss = BalancedSoftmax(COUNTS)
    assert float(loss(one_hot, LOGITS)) == pytest.approx(float(loss(LABELS, LOGITS)))


def test_equal_counts_give_cross_entropy():
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    result = BalancedSoftmax([7] * K)(LABELS, LOGITS)
    assert float(result) == pytest.approx(float(expected(LABELS, LOGITS)), rel=1e-6)


def test_only_the_shares_of_the_counts_matter():
    fractions = np.array(COUNTS) / 1e6
    few, many = BalancedSoftmax(fractions), BalancedSoftmax(COUNTS)
    assert float(few(LABELS, LOGITS)) == pytest.approx(float(many(LABELS, LOGITS)))


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=np.shape)
def test_gradient_matches_finite_differences(labels):
    logits = LOGITS / 10
    slope = gradient(lambda z: BalancedSoftmax(COUNTS)(labels, z), logits)
    expected = numeric_gradient(lambda z: by_the_formula(labels, z).mean(), logits)
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-6)


def test_half_precision_logits_give_a_float32_loss():
    half = ops.cast(LOGITS, "float16")
    result = BalancedSoftmax(COUNTS)(LABELS, half)
    assert ops.dtype(result) == "float32"
    expected = by_the_formula(LABELS, ops.convert_to_numpy(half)).mean()
    assert float(result) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "counts",
    [
        [5, 0],
        [5, -1],
        [5, float("nan")],
        [5, float("inf")],
        [5],
        [],
        5,
        [[5, 5]],
        [True, True],
        ["5", "6"],
        None,
    ],
)
def test_bad_counts_are_named(counts):
    with pytest.raises(ValueError, match="Argument `class_counts` must be .*Received"):
        BalancedSoftmax(counts)


def test_the_class_with_a_bad_count_is_told():
    with pytest.raises(ValueError, match=r"\{1: inf, 3: 0.0\}"):
        BalancedSoftmax([5, float("inf"), 5, 0])


def test_logits_of_another_number_of_classes_are_named():
    with pytest.raises(ValueError, match=r"`y_pred` must hold.*4 class counts.*12, 5"):
        BalancedSoftmax(COUNTS)(LABELS, np.zeros((B, 5), "float32"))


def test_labels_of_another_shape_are_named():
    with pytest.raises(ValueError, match="`labels` must be integers of shape"):
        BalancedSoftmax(COUNTS)(np.ones((B, 3)), LOGITS)


def test_a_config_restores_the_loss():
    loss = BalancedSoftmax(np.array(COUNTS), reduction="sum", name="balanced")
    config = keras.saving.serialize_keras_object(loss)
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config() == loss.get_config()
    assert restored.class_counts == COUNTS
    assert float(restored(LABELS, LOGITS)) == float(loss(LABELS, LOGITS))
