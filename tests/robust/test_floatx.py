"""Models in float64, as `keras.config.set_floatx` makes them."""

import keras
import numpy as np
import pytest
import small_glmc
import toys

import keras_spa as spa

X, Y = toys.data(32)
pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX has no float64 unless it is enabled"
)


@pytest.fixture(autouse=True)
def in_double():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def finite(history):
    return all(np.isfinite(values).all() for values in history.history.values())


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize(
    "alignment", ["spa_reg", "spa_slerp", "spa_proj", spa.SpAReg.paper(), None]
)
def test_a_model_trains(alignment, eager):
    model = toys.model(alignment, compiled={"run_eagerly": eager})
    assert finite(model.fit(X, Y, validation_data=(X, Y), verbose=0))
    assert model.aligned_kernel.dtype == "float64"
    weights = np.linspace(0.1, 2, len(Y))
    assert finite(model.fit(X, Y, sample_weight=weights, verbose=0))


def test_a_layer_a_regularizer_and_an_added_loss_train():
    image, label = keras.Input((toys.INPUTS,)), keras.Input((), dtype="int32")
    head = spa.layers.SpADense(toys.CLASSES, toys.all_alignments())
    features = spa.layers.DisA(toys.CLASSES)(toys.backbone()(image))
    carrying = keras.Model([image, label], head(features, label))
    means = spa.layers.ClassMeans(toys.CLASSES)
    penalty = spa.SpAReg(class_means=means)
    dense = keras.layers.Dense(toys.CLASSES, kernel_regularizer=penalty)
    regularized = keras.Model([image, label], dense(means(image, label)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for model in (carrying, regularized):
        model.compile("sgd", loss)
        assert finite(model.fit([X, Y], Y, epochs=2, verbose=0))


def test_bcl_and_glmc_train():
    bcl = spa.models.BCL(toys.backbone(), toys.dense(5, 4), "spa_reg")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    bcl.compile("sgd", loss, run_eagerly=True)
    assert finite(bcl.fit((X, X + 0.1, 0.9 * X), Y, verbose=0))
    glmc = small_glmc.glmc("spa_reg")
    glmc.backbone.layers[-1].kernel_regularizer = keras.regularizers.L2(0.1)
    logs = glmc.train_on_batch(*small_glmc.plain_views(), return_dict=True)
    assert np.isfinite(logs["loss"])


@pytest.mark.long
def test_a_head_is_retrained_with_an_alignment():
    inputs = keras.Input((toys.INPUTS,))
    model = keras.Sequential([inputs, toys.dense(6, 5, "tanh"), toys.dense(5, 4)])
    retrained = spa.trained.retrain_head(model, (X, Y), alignment="spa_reg", verbose=0)
    assert np.isfinite(retrained.predict(X, verbose=0)).all()
