import keras
import numpy as np
import pytest
from gradients import gradient
from keras import ops

from keras_spa.losses import BalancedSoftmax, LogitAdjusted, adjust_logits

COUNTS = [5000, 300, 20, 1]
PRIOR = np.array(COUNTS) / sum(COUNTS)
POSTERIOR = np.array([[0.6, 0.25, 0.1, 0.05], [0.97, 0.01, 0.01, 0.01]])
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_it_is_least_where_the_logits_are_the_adjusted_posterior(tau):
    loss = LogitAdjusted(COUNTS, tau, reduction="sum")
    best = np.float32(np.log(POSTERIOR / PRIOR**tau))
    slope = gradient(lambda z: loss(POSTERIOR, z), best)
    np.testing.assert_allclose(slope, 0, atol=1e-6)
    entropy = -np.sum(POSTERIOR * np.log(POSTERIOR))
    assert float(loss(POSTERIOR, best)) == pytest.approx(entropy, rel=1e-5)
    for _ in range(20):
        other = best + RNG.normal(size=best.shape)
        assert float(loss(POSTERIOR, other)) > entropy


def test_descent_on_free_logits_finds_the_balanced_posterior():
    loss, z = BalancedSoftmax(COUNTS, reduction="sum"), np.zeros_like(POSTERIOR)
    for _ in range(150):
        z -= 5 * gradient(lambda z: loss(POSTERIOR, z), z)
    softmax = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    expected = POSTERIOR / PRIOR
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, expected, atol=0.01)


def test_post_hoc_undoes_what_the_loss_adds():
    logits = RNG.uniform(-50, 50, size=(6, 4)).astype("float32")
    adjusted = adjust_logits(logits, COUNTS, tau=0.7)
    np.testing.assert_allclose(
        ops.convert_to_numpy(adjusted),
        np.float64(logits) - 0.7 * np.log(PRIOR),
        rtol=1e-6,
    )
    plain = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    labels = np.arange(6) % 4
    assert float(LogitAdjusted(COUNTS, 0.7)(labels, adjusted)) == pytest.approx(
        float(plain(labels, logits)), rel=1e-5
    )


def test_post_hoc_ends_a_model():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, adjust_logits(inputs, COUNTS))
    assert model.output_shape == (None, 4)
    np.testing.assert_allclose(
        model.predict(np.zeros((1, 4)), verbose=0)[0], -np.log(PRIOR), rtol=1e-6
    )


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_post_hoc_takes_any_leading_shape_and_float(leading, dtype):
    adjusted = adjust_logits(ops.zeros((*leading, 4), dtype), COUNTS)
    assert tuple(adjusted.shape) == (*leading, 4)
    assert ops.dtype(adjusted) == "float32"


@pytest.mark.parametrize("shape", [(), (4, 3), (1,)])
def test_post_hoc_names_logits_that_do_not_fit(shape):
    with pytest.raises(ValueError, match="`logits` must hold.* 4 class counts"):
        adjust_logits(np.zeros(shape, "float32"), COUNTS)


@pytest.mark.parametrize("tau", [-1, float("inf"), None])
def test_post_hoc_names_a_bad_tau(tau):
    with pytest.raises(ValueError, match="Argument `tau` must be .*Received"):
        adjust_logits(np.zeros((2, 4), "float32"), COUNTS, tau)
