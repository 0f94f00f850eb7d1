"""What is not aligned, or not as one thinks, is told.

Before, a SpAModel trained by another model or loop kept empty class means in silence.
"""

import warnings

import keras
import numpy as np
import pytest
from keras import ops
from other_heads import (
    LOGITS,
    CosineHead,
    Gated,
    OtherBias,
    Probabilities,
    ScaledHead,
    X,
    Y,
    backbone,
)

import keras_spa as spa

Dense = keras.layers.Dense
ALIGNMENTS = [spa.SpAReg(0.3), spa.SpASLERP(0.1), spa.SpAProj()]


def spa_model(alignment="spa_reg", head=None):
    return spa.SpAModel(backbone(), head or Dense(3), alignment)


def outer(inner):
    image = keras.Input((8,))
    return keras.Model(image, inner(image))


def in_a_stack(inner):
    return keras.Sequential([keras.Input((8,)), inner])


class OwnStep(spa.SpAModel):
    """A training step that forgets the alignment."""

    def method_loss(self, x, y, y_pred, sample_weight, training):
        outputs = self(x, training=training)
        return super().method_loss(x, y, outputs, sample_weight, training)


@pytest.mark.parametrize("around", [outer, in_a_stack])
@pytest.mark.parametrize("alignment", ALIGNMENTS, ids=lambda one: type(one).__name__)
def test_a_spa_model_within_another_says_that_nothing_is_aligned(around, alignment):
    made = spa_model(alignment)
    model = around(made)
    model.compile("sgd", LOGITS)
    with pytest.warns(UserWarning, match="called in training.*nothing is aligned"):
        model.fit(X, Y, verbose=0)
    assert not np.any(ops.convert_to_numpy(made.class_means.seen))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once
        made(X[:2], training=True)


def test_a_loop_that_calls_it_is_told():
    with pytest.warns(UserWarning, match="nothing is aligned.*own_models"):
        spa_model()(X, training=True)
    made = OwnStep(backbone(), Dense(3), "spa_reg")
    made.compile("sgd", LOGITS)
    with pytest.warns(UserWarning, match="nothing is aligned"):
        made.fit(X, Y, verbose=0)


def test_what_is_aligned_is_told_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for head in (Dense(3), spa.layers.SpADense(3), spa.layers.CosineDense(3)):
            made = spa_model(ALIGNMENTS, head)
            made.compile("sgd", LOGITS)
            made.fit(X, Y, validation_data=(X, Y), verbose=0)
            made.evaluate(X, Y, verbose=0)
            made.train_on_batch(X, Y)
            made(X)
            made.predict(X, verbose=0)
        carrying = spa.layers.SpADense(3, spa.SpAReg(0.1))
        made = spa.SpAModel(backbone(), carrying)
        made.compile("sgd", LOGITS)
        made.fit(X, Y, verbose=0)
        spa_model(None)(X, training=True)  # which has nothing to align
        spa_model()(X, training=True, return_features=True)  # a loop with its means


def test_a_spa_dense_without_labels_is_told():
    stack = in_a_stack(spa.layers.SpADense(3, "spa_reg"))
    stack.compile("sgd", LOGITS)
    with pytest.warns(UserWarning, match="without labels"):
        stack.fit(X, Y, verbose=0)


@pytest.mark.parametrize("head", [OtherBias, lambda: Gated(3)])
def test_a_head_that_is_more_than_its_kernel_is_told(head):
    made = spa_model(ALIGNMENTS, head())
    if isinstance(made.classifier, Gated):
        made.classifier.gate.assign([2.0, 0.5, 1, 4, 0.1, 1])
    else:
        made.classifier.offset.assign([1.0, 2.0, 3.0])
    made.compile("sgd", LOGITS)
    with pytest.warns(UserWarning, match="computes something else than"):
        made.fit(X, Y, verbose=0)


@pytest.mark.parametrize(
    "head", [lambda: CosineHead(3, use_bias=False), lambda: ScaledHead(3, 4.0)]
)
def test_a_head_that_turns_with_its_kernel_is_not(head):
    made = spa_model(ALIGNMENTS, head())
    made.compile("sgd", LOGITS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        made.fit(X, Y, verbose=0)


class Shifted(OtherBias):
    """Its other bias is not 0 from the first."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], 3), name="kernel")
        self.offset = self.add_weight((3,), "ones", name="offset")


def unbuilt(head, eager):
    model = spa.SpAModel(keras.Sequential([Dense(6, "relu")]), head, ALIGNMENTS)
    model.compile("sgd", LOGITS, run_eagerly=eager)
    return model


def batches():
    return ((X[i : i + 32], Y[i : i + 32]) for i in (0, 32))


@pytest.mark.parametrize("eager", [True, False])
def test_a_head_that_the_first_batch_builds_is_looked_at(eager):
    model = unbuilt(Probabilities(3), eager)
    assert not model.built
    with pytest.raises(ValueError, match="gives probabilities"):
        model.fit(batches(), verbose=0)
    with pytest.warns(UserWarning, match="computes something else than") as told:
        unbuilt(Shifted(), eager).fit(batches(), verbose=0)
    assert sum("computes" in str(one.message) for one in told) == 1


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16", "mixed_float16"])
def test_a_head_of_16_bits_that_gives_probabilities_is_told(policy):
    """Their sums miss 1 by up to 0.004; before, it was trained without a word."""
    made = spa_model(ALIGNMENTS, Probabilities(3, dtype=policy))
    made.compile("sgd", LOGITS)
    with pytest.raises(ValueError, match="gives probabilities"):
        made.fit(X, Y, verbose=0)


def test_a_head_is_looked_at_by_train_on_batch():
    model = unbuilt(Probabilities(3), eager=False)
    with pytest.raises(ValueError, match="gives probabilities"):
        model.train_on_batch(X, Y)


@pytest.mark.parametrize("activation", [lambda x: x, lambda x: 1.0 * x, "linear"])
def test_an_activation_that_changes_nothing_is_taken(activation):
    made = spa_model(head=Dense(3, activation=activation))
    made.compile("sgd", LOGITS)
    made.fit(X, Y, verbose=0)
    inputs = [keras.Input((8,)), Dense(3, activation=activation)]
    spa.SpAModel.from_model(keras.Sequential(inputs))


@pytest.mark.parametrize("activation", ["relu", "relu6", "tanh", "softmax", len])
def test_an_activation_that_changes_something_is_refused(activation):
    with pytest.raises(ValueError, match="`classifier` must give logits"):
        spa_model(head=Dense(3, activation=activation))
