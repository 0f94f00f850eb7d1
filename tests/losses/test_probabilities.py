"""Losses of logits that are given probabilities take the logits of these, and say so.

Before, a plain model that ends in a softmax hardly learnt: its loss stayed at 0.55
where the same model with logits came to 0.13.
"""

import warnings

import keras
import numpy as np
import pytest
from keras import ops
from loss_formulas import COUNTS, LABELS, LOSSES, B, K
from loss_formulas import LOGITS as LARGE
from other_heads import COUNTS as IMAGES
from other_heads import X, Y

import keras_spa as spa
from keras_spa.losses import BalancedSoftmax, ClassBalanced, DotRegression

LOGITS = LARGE / 8  # of which none is rounded away
PROBABILITIES = ops.convert_to_numpy(ops.softmax(LOGITS))
OF_LOGITS = sorted(set(LOSSES) - {"DotRegression", "ClassBalanced"})
NAMES = pytest.mark.parametrize("name", OF_LOGITS)


def traced(function):
    """As in a compiled step, where no value can be read."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


@NAMES
def test_probabilities_give_the_loss_of_their_logits(name):
    loss = LOSSES[name][0]()
    expected = float(loss(LABELS, LOGITS))
    with pytest.warns(UserWarning, match="Probabilities.*logarithms"):
        found = float(loss(LABELS, PROBABILITIES))
    assert found == pytest.approx(expected, rel=1e-4)
    in_step = traced(lambda z: loss(LABELS, z))
    probabilities, logits = map(ops.convert_to_tensor, (PROBABILITIES, LOGITS))
    assert float(in_step(probabilities)) == pytest.approx(expected, rel=1e-4)
    assert float(in_step(logits)) == pytest.approx(expected, rel=1e-6)


@NAMES
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_probabilities_of_16_bits_give_the_loss_of_their_logits(name, dtype):
    """In bfloat16 their sums miss 1 by up to 0.004; before, they counted as logits."""
    loss = LOSSES[name][0]()
    expected = float(loss(LABELS, LOGITS))
    rounded = ops.cast(PROBABILITIES, dtype)
    rounded = ops.where(ops.arange(B)[:, None] == 0, rounded * 1.004, rounded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert float(loss(LABELS, rounded)) == pytest.approx(expected, rel=0.02)
        in_step = traced(lambda z: loss(LABELS, z))
        assert float(in_step(rounded)) == pytest.approx(expected, rel=0.02)
        logits = ops.cast(LOGITS, dtype)
        assert float(in_step(logits)) == pytest.approx(expected, rel=0.02)


def test_the_gradient_is_finite_where_a_logit_is_next_to_nothing():
    """1/x of a logarithm that is not taken overflowed, and 0·∞ is NaN."""
    if keras.backend.backend() != "tensorflow":
        pytest.skip("one backend shows it")
    import tensorflow as tf

    @tf.function
    def gradient(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            adjusted = spa.losses.adjust_logits(z, COUNTS)
        return tape.gradient(adjusted, z)

    logits = np.where(np.arange(K) == 1, 1e-5, LOGITS).astype("float16")
    assert np.isfinite(gradient(tf.constant(logits))).all()


@NAMES
def test_logits_are_no_probabilities(name):
    loss = LOSSES[name][0]()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(LABELS, LOGITS)
        loss(LABELS, np.zeros((B, K), "float32"))
        # One row that happens to be one is not a batch of them.
        loss(LABELS, np.concatenate([PROBABILITIES[:1], LOGITS[1:]]))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", sorted({*LOSSES} - {"ClassBalanced"}))
def test_outputs_of_a_sigmoid_are_no_probabilities(name, dtype):
    """Keras keeps the logits of a sigmoid, too: before, they were taken in their place.

    So they were on JAX step by step, and not where it compiles the step.
    """
    loss, sigmoid = LOSSES[name][0](), keras.activations.sigmoid
    logits = ops.cast(LOGITS, dtype)
    plain = ops.convert_to_numpy(ops.cast(sigmoid(logits), "float32"))
    expected = float(loss(LABELS, plain))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert float(loss(LABELS, sigmoid(logits))) == pytest.approx(expected, 1e-5)
        in_step = traced(lambda z: loss(LABELS, sigmoid(z)))
        assert float(in_step(logits)) == pytest.approx(expected, rel=0.01)


def balanced_cross_entropy(logits, one_hot):
    kind = "CategoricalCrossentropy"
    kind = kind if one_hot else f"Sparse{kind}"
    return ClassBalanced(getattr(keras.losses, kind)(from_logits=logits), IMAGES)


# What gives the loss of a model with logits, or with probabilities, and of which labels
TRAINED = {
    "BalancedSoftmax": (lambda logits: BalancedSoftmax(IMAGES), False),
    "ClassBalanced": (lambda logits: balanced_cross_entropy(logits, False), False),
    "ClassBalanced, one-hot": (
        lambda logits: balanced_cross_entropy(logits, True),
        True,
    ),
}


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_a_softmax_model_learns_as_one_with_logits(name, eager, policy):
    """Before, ClassBalanced raised of bfloat16 on TensorFlow, in graph and eager."""
    make_loss, one_hot = TRAINED[name]
    labels = np.eye(3, dtype="float32")[Y] if one_hot else Y
    losses = []
    for activation in (None, "softmax"):
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(policy)
        layers = [keras.layers.Dense(6, "relu"), keras.layers.Dense(3, activation)]
        model = keras.Sequential([keras.Input((8,)), *layers])
        rate, loss = keras.optimizers.Adam(0.03), make_loss(activation is None)
        model.compile(rate, loss, run_eagerly=eager)
        history = model.fit(X, labels, epochs=5, shuffle=False, verbose=0).history
        losses.append(history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3 if policy == "float32" else 0.05)


def test_class_balanced_passes_on_what_its_loss_takes():
    of_logits, of_probabilities = (
        ClassBalanced(keras.losses.SparseCategoricalCrossentropy(logits), COUNTS)
        for logits in (True, False)
    )
    expected = float(of_logits(LABELS, LOGITS))
    with pytest.warns(UserWarning, match="Probabilities"):
        assert float(of_logits(LABELS, PROBABILITIES)) == pytest.approx(expected, 1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = float(of_probabilities(LABELS, PROBABILITIES))
    assert found == pytest.approx(expected, 1e-4)


def test_dot_products_are_no_probabilities():
    with pytest.raises(ValueError, match="`y_pred` must be dot products.*probabilit"):
        DotRegression()(LABELS, PROBABILITIES)
    if keras.backend.backend() != "torch":
        in_step = traced(lambda z: DotRegression()(LABELS, z))
        assert np.isnan(float(in_step(ops.convert_to_tensor(PROBABILITIES))))


def test_functions_of_logits():
    expected = ops.convert_to_numpy(spa.losses.adjust_logits(LOGITS, COUNTS))
    with pytest.warns(UserWarning, match="Probabilities"):
        found = ops.convert_to_numpy(spa.losses.adjust_logits(PROBABILITIES, COUNTS))
    one, other = (ops.convert_to_numpy(ops.softmax(z)) for z in (found, expected))
    np.testing.assert_allclose(one, other, rtol=1e-4)
    half = ops.cast(PROBABILITIES * 1.004, "float16")
    for probabilities in (PROBABILITIES, half):
        with pytest.raises(ValueError, match="`logits` must be logits.*np.log"):
            spa.metrics.calibration_error(probabilities, LABELS)
