import keras
import numpy as np
import pytest
from gradients import gradient
from keras import ops

from keras_spa.losses import LDAM, ClassBalanced

COUNTS = [5000, 300, 20, 1]
K, B = len(COUNTS), 12
RNG = np.random.default_rng(0)
LOGITS = RNG.uniform(-50, 50, size=(B, K)).astype("float32")
LABELS = np.arange(B) % K
ONE_HOT = np.eye(K, dtype="float32")[LABELS]
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def weights_of(loss):
    return ops.convert_to_numpy(loss.weights)


def test_weights_are_by_effective_number_and_sum_to_the_classes():
    raw = np.array([(1 - 0.9999) / (1 - 0.9999**n) for n in COUNTS])
    weights = weights_of(ClassBalanced(SPARSE, COUNTS))
    np.testing.assert_allclose(weights, K * raw / raw.sum(), rtol=1e-5)
    assert weights.sum() == pytest.approx(K)


def test_beta_goes_from_equal_to_inverse_weights():
    equal = weights_of(ClassBalanced(SPARSE, COUNTS, beta=0))
    np.testing.assert_allclose(equal, 1)
    nearly_one = weights_of(ClassBalanced(SPARSE, COUNTS, beta=1 - 1e-12))
    inverse = 1 / np.array(COUNTS)
    np.testing.assert_allclose(nearly_one, K * inverse / inverse.sum(), rtol=1e-4)


@pytest.mark.parametrize(
    ("inner", "labels"),
    [
        (SPARSE, LABELS),
        (SPARSE, LABELS[:, None]),
        (keras.losses.CategoricalCrossentropy(from_logits=True), ONE_HOT),
        (keras.losses.CategoricalFocalCrossentropy(from_logits=True), ONE_HOT),
        (keras.losses.CategoricalHinge(reduction="sum"), ONE_HOT),
        (LDAM(COUNTS), LABELS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_weighs_each_value_of_any_loss(inner, labels):
    loss = ClassBalanced(inner, COUNTS, beta=0.99, reduction=None)
    tensors = (ops.convert_to_tensor(np.float32(array)) for array in (labels, LOGITS))
    each = ops.convert_to_numpy(inner.call(*tensors))
    np.testing.assert_allclose(
        ops.convert_to_numpy(loss(labels, LOGITS)),
        weights_of(loss)[LABELS] * each,
        rtol=1e-5,
    )


def test_it_is_least_at_the_weighted_posterior():
    posterior = np.array([0.7, 0.1, 0.1, 0.1])
    loss = ClassBalanced(SPARSE, COUNTS, beta=0.99, reduction="sum")
    best = np.log(posterior * weights_of(loss))[None].repeat(K, axis=0)
    slopes = gradient(lambda z: loss(np.arange(K), z, posterior), best)
    np.testing.assert_allclose(slopes.sum(axis=0), 0, atol=1e-6)


def test_the_inner_loss_survives_serialization():
    inner = keras.losses.CategoricalFocalCrossentropy(gamma=3.0, from_logits=True)
    loss = ClassBalanced(inner, COUNTS)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert copy.loss.gamma == 3.0
    assert float(copy(ONE_HOT, LOGITS)) == float(loss(ONE_HOT, LOGITS))


def test_it_survives_in_a_saved_model(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(K)])
    model.compile("sgd", ClassBalanced(LDAM(COUNTS, scale=2.0), COUNTS, beta=0.9))
    x = RNG.normal(size=(B, 3))
    before = model.evaluate(x, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(x, LABELS, verbose=0) == pytest.approx(before, rel=1e-6)


@pytest.mark.parametrize("loss", ["mse", None, keras.losses.mean_squared_error, 3])
def test_a_loss_of_another_kind_is_named(loss):
    with pytest.raises(ValueError, match="Argument `loss` must be a keras.losses.Loss"):
        ClassBalanced(loss, COUNTS)


class Scalar(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(y_pred)


def test_a_loss_without_values_a_sample_is_named():
    with pytest.raises(ValueError, match=r"`loss` must .*one value a sample.*\(\)"):
        ClassBalanced(Scalar(), COUNTS)(LABELS, LOGITS)


@pytest.mark.parametrize("beta", [-0.1, 1, 1.5, float("nan"), None])
def test_a_bad_beta_is_named(beta):
    with pytest.raises(ValueError, match="Argument `beta` must be .*Received"):
        ClassBalanced(SPARSE, COUNTS, beta)
