import warnings

import keras
import numpy as np
import pytest
from gradients import gradient
from keras import ops
from reference import mean_directions, turning_direction, unit

import keras_spa as spa
from keras_spa.layers import SpADense

B, D, K, GAMMA = 7, 5, 4, 0.3
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(B, D)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2, 2])  # class 3 never comes
KERNEL = RNG.normal(size=(D, K)).astype("float32")
MIX = RNG.normal(size=(B, K)).astype("float32")


def layer(alignment=None, **kwargs):
    made = SpADense(K, alignment, **kwargs)
    made.build((None, D))
    made.kernel.assign(KERNEL)
    return made


def numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def directions():
    means = np.zeros((K, D))
    for c in range(3):
        means[c] = FEATURES[c == LABELS].mean(axis=0)
    return mean_directions(means, [1, 1, 1, 0], center=True)


def slopes(alignment, **given):
    """Gradients of the mixed logits and penalties by features and kernel."""
    made = layer(alignment, use_bias=False)
    state = [v.value for v in made.non_trainable_variables]

    def value(features, kernel):
        logits, _, losses = made.stateless_call(
            [kernel], state, features, return_losses=True, **given
        )
        return ops.sum(logits * ops.convert_to_tensor(MIX)) + sum(losses)

    return gradient(value, FEATURES, KERNEL)


ALIGNED = {"labels": LABELS, "training": True}


def test_without_labels_or_training_it_is_a_dense():
    dense = keras.layers.Dense(K)
    dense.build((None, D))
    dense.kernel.assign(KERNEL)
    dense.bias.assign(np.arange(K))
    made = layer([spa.SpAReg.paper(1.0), spa.SpAProj.paper(0.0)])
    made.bias.assign(np.arange(K))
    expected = numpy(dense(FEATURES))
    for given in ({}, {"training": True}, {"labels": LABELS}):
        np.testing.assert_allclose(numpy(made(FEATURES, **given)), expected, rtol=1e-6)
        assert made.losses == []
        assert not np.any(numpy(made.class_means.seen))
        plain = slopes(None, **given)
        for a, b in zip(slopes(spa.SpAProj.paper(0.0), **given), plain, strict=True):
            np.testing.assert_array_equal(a, b)


def test_with_labels_the_logits_are_the_same():
    made = layer([spa.SpAReg.paper(1.0), spa.SpAProj.paper(0.0)])
    aligned = numpy(made(FEATURES, **ALIGNED))
    np.testing.assert_allclose(aligned, FEATURES @ KERNEL, rtol=1e-4, atol=1e-5)


def test_labels_update_the_class_means():
    made = layer()
    made(FEATURES, **ALIGNED)
    for c in range(3):
        mean = FEATURES[c == LABELS].mean(axis=0)
        np.testing.assert_allclose(numpy(made.class_means.means)[c], mean, rtol=1e-5)
    np.testing.assert_array_equal(numpy(made.class_means.seen), [1, 1, 1, 0])


def test_the_penalty_is_a_loss_of_the_layer():
    made = layer(spa.SpAReg.paper(0.7))
    made(FEATURES, **ALIGNED)
    (loss,) = made.losses
    cosines = [unit(KERNEL[:, c]) @ directions()[c] for c in range(3)]
    expected = 0.7 * np.mean([1 - cosine for cosine in cosines])
    np.testing.assert_allclose(numpy(loss), expected, rtol=1e-5)


def test_the_gradient_of_the_kernel_is_projected_and_that_of_the_features_is_not():
    of_features, of_kernel = slopes(spa.SpAProj.paper(GAMMA), **ALIGNED)
    np.testing.assert_allclose(of_features, MIX @ KERNEL.T, rtol=1e-4, atol=1e-5)
    plain = np.float64(FEATURES).T @ MIX
    expected = plain.copy()
    for c in range(3):
        w, g = unit(KERNEL[:, c]), plain[:, c]
        turning = g - (g @ w) * w
        turn = turning_direction(w, directions()[c])
        turning = turning - max(turning @ turn, 0) * turn
        expected[:, c] = (1 - GAMMA) * turning + GAMMA * g
    np.testing.assert_allclose(of_kernel, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(expected - plain).max(axis=0)[:3].min() > 0.01


@pytest.mark.parametrize("to", ["both", "classifier", "features"])
def test_the_gradient_of_the_penalty_is_projected_with_the_rest(to):
    reg = spa.SpAReg.paper(5.0, gradient=to)
    plain = slopes(None, **ALIGNED)
    penalised = slopes(reg, **ALIGNED)
    moved = [np.abs(a - b).max() > 0.1 for a, b in zip(penalised, plain, strict=True)]
    assert moved == [to != "classifier", to != "features"]
    of_features, of_kernel = slopes([reg, spa.SpAProj.paper(GAMMA)], **ALIGNED)
    np.testing.assert_allclose(of_features, penalised[0], rtol=1e-5, atol=1e-6)
    made = layer()
    made(FEATURES, **ALIGNED)
    projected = spa.SpAProj.paper(GAMMA).project_gradient(
        penalised[1].T, KERNEL.T, made.class_means.statistics
    )
    np.testing.assert_allclose(of_kernel, numpy(projected).T, rtol=1e-4, atol=1e-5)


def test_apply_update_moves_the_kernel_by_the_rate_of_the_step():
    schedule = spa.CosineRamp(0.5, steps=10)
    made = layer([spa.SpASLERP.paper(schedule), spa.SpAProj.paper()])
    made(FEATURES, **ALIGNED)
    made.apply_update()  # the rate is 0 at step 0
    np.testing.assert_allclose(numpy(made.kernel), KERNEL, rtol=1e-5)
    made.apply_update(10)
    statistics = made.class_means.statistics
    turned = spa.SpASLERP.paper(0.5).update_weights(KERNEL.T, statistics, 0)
    np.testing.assert_allclose(numpy(made.kernel), numpy(turned).T, rtol=1e-4)
    assert np.abs(numpy(made.kernel) - KERNEL).max() > 0.1


def test_a_frozen_layer_is_not_moved():
    made = layer(spa.SpASLERP.paper(1.0))
    made(FEATURES, **ALIGNED)
    made.trainable = False
    made.apply_update(1)
    np.testing.assert_array_equal(numpy(made.kernel), KERNEL)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_alignment_is_float32_in_mixed_precision(policy):
    made = layer([spa.SpAReg.paper(1.0), spa.SpASLERP.paper(0.5)], dtype=policy)
    expected = layer([spa.SpAReg.paper(1.0), spa.SpASLERP.paper(0.5)])
    labels = np.float32(LABELS)
    logits = made(FEATURES, labels, training=True)
    expected(FEATURES, LABELS, training=True)
    assert ops.dtype(logits) == made.compute_dtype
    assert {v.dtype for v in made.variables} == {"float32"}
    np.testing.assert_allclose(numpy(made.losses[0]), numpy(expected.losses[0]))
    for one in (made, expected):
        one.apply_update()
    np.testing.assert_allclose(numpy(made.kernel), numpy(expected.kernel))


def test_symbolic_outputs_have_shape_and_dtype():
    made = SpADense(K, dtype="mixed_bfloat16")
    output = made(keras.Input((D,)), keras.Input((), dtype="int32"))
    assert (output.shape, output.dtype) == ((None, K), "bfloat16")
    assert [v.shape for v in made.trainable_variables] == [(D, K), (K,)]


def test_all_arguments_of_a_dense_survive_serialization():
    made = SpADense(K, kernel_regularizer="l2", use_bias=False, dtype="float64")
    config = keras.saving.serialize_keras_object(made)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == made.get_config()
    assert copy.kernel_regularizer is not None
    assert copy.alignments == []


@pytest.mark.parametrize("activation", ["softmax", "relu", keras.activations.tanh])
def test_an_activation_is_refused(activation):
    """It gave probabilities where losses take logits."""
    with pytest.raises(ValueError, match="`activation` must be None.*Softmax"):
        SpADense(K, activation=activation)
    assert SpADense(K, activation="linear").units == K


def test_lora_is_refused_before_anything_is_built():
    with pytest.raises(ValueError, match="`lora_rank` must be None.*lora_rank=2"):
        SpADense(K, lora_rank=2)
    built = layer()
    with pytest.raises(ValueError, match="`lora_rank` must be None.*Received: layer"):
        built.enable_lora(2)


def test_training_without_labels_is_told_once():
    """Nothing is aligned then, and nothing said so."""
    made = layer(spa.SpAReg(0.1))
    with pytest.warns(UserWarning, match="training without labels.*nothing is ali"):
        made(FEATURES, training=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made(FEATURES, training=True)
        layer(spa.SpAReg(0.1))(FEATURES)
        layer()(FEATURES, training=True)
        layer(spa.SpAReg(0.1))(FEATURES, labels=LABELS, training=True)
