"""Probabilities where logits are meant are refused, not learnt from.

Before, `compile` took losses of probabilities: accuracy fell from 0.94 to 0.58 on
TensorFlow and from 0.87 to 0.14 on JAX.
"""

import keras
import numpy as np
import pytest
from other_heads import COUNTS, LOGITS, Probabilities, X, Y, backbone, model
from scipy.special import softmax

import keras_spa as spa

Dense, losses, metrics = keras.layers.Dense, keras.losses, keras.metrics


def from_softmax():
    return spa.SpAModel.from_model(model(Dense(3, "softmax")))


PLAIN = losses.SparseCategoricalCrossentropy()
TAKE_PROBABILITIES = {
    "name": "sparse_categorical_crossentropy",
    "name of the class": "SparseCategoricalCrossentropy",
    "one-hot": "categorical_crossentropy",
    "short name": "crossentropy",
    "object": PLAIN,
    "function": losses.sparse_categorical_crossentropy,
    "focal": losses.CategoricalFocalCrossentropy(),
    "in a list": [PLAIN],
    "ClassBalanced": spa.losses.ClassBalanced(PLAIN, COUNTS),
}


@pytest.mark.parametrize("kind", TAKE_PROBABILITIES)
def test_losses_of_probabilities_are_refused(kind):
    with pytest.raises(ValueError, match="`loss` must take logits.*from_logits=True"):
        from_softmax().compile("sgd", TAKE_PROBABILITIES[kind])


@pytest.mark.parametrize(
    "metric",
    [
        "sparse_categorical_crossentropy",
        "ce",
        metrics.SparseCategoricalCrossentropy(),
        metrics.CategoricalCrossentropy(),
    ],
)
def test_metrics_of_probabilities_are_refused(metric):
    for name in ("metrics", "weighted_metrics"):
        with pytest.raises(ValueError, match=f"`{name}` must take logits"):
            from_softmax().compile("sgd", LOGITS, **{name: ["accuracy", metric]})


def own_loss(y_true, y_pred):
    return keras.ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)


@pytest.mark.parametrize(
    "loss",
    [
        LOGITS,
        own_loss,
        "mse",
        None,
        spa.losses.BalancedSoftmax(COUNTS),
        spa.losses.ClassBalanced(LOGITS, COUNTS),
        losses.CategoricalFocalCrossentropy(from_logits=True),
    ],
)
def test_other_losses_are_taken(loss):
    of_logits = metrics.SparseCategoricalCrossentropy(from_logits=True)
    made = from_softmax()
    made.compile("sgd", loss, metrics=["accuracy", of_logits, "mse"])
    assert made.compiled


def test_a_compiled_model_is_loaded_compiled(tmp_path):
    made = from_softmax()
    made.compile(keras.optimizers.SGD(0.1, momentum=0.9), LOGITS, metrics=["accuracy"])
    made.fit(X, Y, verbose=0)
    made.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.compiled
    assert len(loaded.optimizer.variables) == 6
    first, second = (m.evaluate(X, Y, verbose=0) for m in (made, loaded))
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_what_was_compiled_for_probabilities_is_loaded_uncompiled():
    config = model(Dense(3, "softmax"))
    config.compile("sgd", "sparse_categorical_crossentropy")
    made = from_softmax()
    with pytest.warns(UserWarning, match="not compiled.*must take logits"):
        made.compile_from_config(config.get_compile_config())
    assert not made.compiled


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "tanh"])
def test_a_classifier_with_an_activation_is_refused(activation):
    with pytest.raises(
        ValueError, match=f"`classifier` must give logits.*{activation}"
    ):
        spa.SpAModel(backbone(), Dense(3, activation))


def test_a_classifier_that_gives_probabilities_unseen_is_refused_in_fit():
    made = spa.SpAModel(backbone(), Probabilities(3))
    made.compile("sgd", LOGITS)
    with pytest.raises(ValueError, match="`classifier` must give logits.*Probabiliti"):
        made.fit(X, Y, verbose=0)


def test_a_softmax_model_trained_as_logits_learns_what_plain_keras_does():
    plain, made = model(Dense(3, "softmax")), from_softmax()
    plain.compile(keras.optimizers.SGD(0.1), PLAIN)
    made.compile(keras.optimizers.SGD(0.1), LOGITS)
    for one in (plain, made):
        one.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    probabilities = softmax(made.predict(X, verbose=0), axis=1)
    np.testing.assert_allclose(plain.predict(X, verbose=0), probabilities, atol=1e-5)
