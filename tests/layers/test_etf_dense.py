import keras
import numpy as np
import pytest
import toys
from keras import ops

import keras_spa as spa
from keras_spa.layers import ETFDense

B, D, K = 5, 6, 4
FEATURES = np.random.default_rng(0).normal(size=(B, D)).astype("float32")


def built(units=K, dimension=D, **kwargs):
    made = ETFDense(units, **kwargs)
    made.build((None, dimension))
    return made


@pytest.mark.parametrize("seed", [0, 7, None])
def test_its_kernel_is_the_simplex_etf_of_its_seed(seed):
    kernel = ops.convert_to_numpy(built(seed=seed).kernel)
    np.testing.assert_array_equal(kernel, spa.theory.simplex_etf(K, D, seed).T)


def test_logits_are_scaled_cosines():
    etf = np.float64(spa.theory.simplex_etf(K, D, 0))
    expected = np.zeros((B, K))
    for i, h in enumerate(np.float64(FEATURES)):
        for c, w in enumerate(etf):
            expected[i, c] = w @ h / np.sqrt(h @ h)
    for scale in (1.0, 20):
        logits = ops.convert_to_numpy(built(scale=scale)(FEATURES))
        np.testing.assert_allclose(logits, scale * expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(built()(np.zeros((2, D))), np.zeros((2, K)))


def test_nothing_of_it_is_trainable_whatever_is_set():
    made = built()
    made.trainable = True
    assert made.trainable_variables == []
    assert [v.name for v in made.non_trainable_variables] == ["kernel"]
    assert not made.kernel.trainable


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_keeps_the_kernel_in_float32(policy):
    made = built(dtype=policy)
    assert made.kernel.dtype == "float32"
    assert ops.dtype(made(FEATURES)) == policy.removeprefix("mixed_")
    logits = ops.convert_to_numpy(ops.cast(made(1e-4 * FEATURES), "float32"))
    expected = ops.convert_to_numpy(built()(FEATURES))
    np.testing.assert_allclose(logits, expected, atol=0.02)


def test_symbolic_outputs_have_shape_and_dtype():
    output = ETFDense(K, dtype="mixed_bfloat16")(keras.Input((3, D)))
    assert output.shape == (None, 3, K)
    assert output.dtype == "bfloat16"


def test_it_fits_exactly_into_one_dimension_less_than_classes():
    products = built(K, K - 1).kernel.numpy()
    products = products.T @ products
    np.testing.assert_allclose(products, 4 / 3 * np.eye(K) - 1 / 3, atol=1e-6)


def model(alignment=None, seed=0, run_eagerly=True):
    head = ETFDense(toys.CLASSES, seed=seed)
    made = spa.SpAModel(toys.backbone(), head, alignment)
    loss = spa.losses.DotRegression()
    made.compile(keras.optimizers.SGD(0.5), loss, run_eagerly=run_eagerly)
    return made


def fit(made, epochs=2):
    x, y = toys.data()
    history = made.fit(x, y, 16, epochs, shuffle=False, verbose=0).history
    return history, [v.numpy() for v in made.backbone.trainable_variables]


def test_the_kernel_is_saved_with_the_weights(tmp_path):
    one, other = model(seed=1), model(seed=2)
    one.save_weights(tmp_path / "one.weights.h5")
    other.load_weights(tmp_path / "one.weights.h5")
    np.testing.assert_array_equal(
        other.aligned_kernel.numpy(), one.aligned_kernel.numpy()
    )
    x, _ = toys.data()
    one.save(tmp_path / "one.keras")
    loaded = keras.saving.load_model(tmp_path / "one.keras")
    np.testing.assert_array_equal(loaded.predict(x), one.predict(x))


@pytest.mark.parametrize("gradient", ["both", "features"])
def test_spa_reg_acts_on_the_features_only(gradient):
    plain, regularized = model(), model(spa.SpAReg(1.0, gradient=gradient))
    before = plain.aligned_kernel.numpy()
    history, weights = fit(plain)
    history_regularized, weights_regularized = fit(regularized)
    for made in (plain, regularized):
        np.testing.assert_array_equal(made.aligned_kernel.numpy(), before)
    assert np.abs(weights[0] - weights_regularized[0]).max() > 1e-3
    assert history_regularized["alignment"][-1] > history["alignment"][-1]


def test_spa_reg_without_gradient_to_the_features_changes_nothing():
    _, weights = fit(model())
    _, same = fit(model(spa.SpAReg(1.0, gradient="classifier")))
    np.testing.assert_allclose(same[0], weights[0], atol=1e-6)


@pytest.mark.parametrize(
    "alignment", [spa.SpASLERP(0.5), spa.SpAProj(0.0)], ids=lambda a: type(a).__name__
)
def test_alignments_that_move_the_kernel_do_nothing_and_fit_says_so(alignment):
    plain, aligned = model(), model(alignment)
    before = plain.aligned_kernel.numpy()
    _, weights = fit(plain)
    with pytest.warns(UserWarning, match="kernel is not trainable.*no effect"):
        _, same = fit(aligned)
    np.testing.assert_array_equal(aligned.aligned_kernel.numpy(), before)
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.slow
def test_training_aligns_the_features_with_it():
    history, _ = fit(model(spa.SpAReg(0.5), run_eagerly=False), epochs=40)
    assert history["alignment"][-1] > 0.9
