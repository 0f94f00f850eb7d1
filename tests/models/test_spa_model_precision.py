import keras
import numpy as np
import pytest
import toys

import keras_spa as spa


def fit(model, epochs=6):
    x, y = toys.data()
    history = model.fit(x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0)
    return history.history


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_follows_float32(policy):
    full = toys.model(toys.all_alignments(), keras.optimizers.SGD(0.1))
    expected = fit(full)
    keras.config.set_dtype_policy(policy)
    mixed = toys.model(toys.all_alignments(), keras.optimizers.SGD(0.1))
    actual = fit(mixed)
    assert mixed.compute_dtype == policy.removeprefix("mixed_")
    assert mixed.class_means.means.dtype == "float32"
    assert mixed.aligned_kernel.dtype == "float32"
    toys.assert_same_state(mixed, full, atol=0.05)
    np.testing.assert_allclose(actual["loss"], expected["loss"], atol=0.05)
    np.testing.assert_allclose(actual["alignment"], expected["alignment"], atol=0.05)


def test_a_step_that_overflows_changes_nothing():
    keras.config.set_dtype_policy("mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**60
    )
    model = toys.model(toys.all_alignments(), optimizer)
    x, y = toys.data(16)
    before = [v.numpy().copy() for v in model.trainable_variables]
    model.train_on_batch(x, y)
    for old, new in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, new.numpy())
    assert model.class_means.seen.numpy().sum() == 0
    assert int(optimizer.iterations) == 0
    for _ in range(60):  # until the scale has fallen far enough
        model.train_on_batch(x, y)
    assert int(optimizer.iterations) > 0
    assert model.class_means.seen.numpy().sum() == toys.CLASSES
    assert all(np.isfinite(v.numpy()).all() for v in model.variables)


def test_features_that_overflow_change_nothing():
    keras.config.set_dtype_policy("mixed_float16")
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    head = spa.SpAModel(
        keras.Sequential([keras.Input((toys.INPUTS,)), keras.layers.Rescaling(1e5)]),
        keras.layers.Dense(toys.CLASSES),
        toys.all_alignments(),
    )
    head.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(True))
    before = [v.numpy().copy() for v in head.class_means.weights + head.weights[:2]]
    x, y = toys.data(16)
    head.train_on_batch(x * 100, y)
    after = [v.numpy() for v in head.class_means.weights + head.weights[:2]]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_float64_model_is_aligned_in_float32():
    keras.config.set_dtype_policy("float64")
    model = toys.model(toys.all_alignments())
    assert fit(model)["loss"][-1] < 1
    assert model.class_means.means.dtype == "float32"
    assert isinstance(model.alignments[0], spa.SpAReg)
