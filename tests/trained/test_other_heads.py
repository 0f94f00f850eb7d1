"""Heads that compute something else than `x @ kernel + bias` are read as they compute.

Before, `diagnose` took their attributes for what they do.
"""

import keras
import numpy as np
import pytest
from keras import ops
from other_heads import (
    COUNTS,
    CosineHead,
    Gated,
    OtherBias,
    Probabilities,
    ScaledHead,
    Squashed,
    X,
    Y,
    model,
)

import keras_spa as spa
from keras_spa.trained import linear_classifier

NUMBERS = ("exponent_efficiency", "noise_exponent_efficiency", "noise_cosine", "nc4")


def report(made):
    return spa.diagnose(made, (X, Y), COUNTS, verbose=0)


def numbers(made):
    return [report(made).metrics[name] for name in NUMBERS]


def plain(bias):
    made = model(keras.layers.Dense(3))
    made.layers[-1].bias.assign(bias)
    return made


BIAS = np.array([0.3, -0.2, 0.5])


def scaled():
    """The same function as `plain`: a third of kernel and bias, three times."""
    made = model(ScaledHead(3, 3.0), 1 / 3)
    made.layers[-1].bias.assign(BIAS / 3)
    return made


def other_bias():
    made = model(OtherBias())
    made.layers[-1].offset.assign(BIAS)
    return made


def gated():
    made = model(Gated(3))
    gate = np.array([2.0, 0.5, 1, 4, 0.1, 1])
    made.layers[-1].bias.assign(BIAS)
    made.layers[-1].gate.assign(gate)
    made.layers[-1].kernel.assign(made.layers[-1].kernel / gate[:, None])
    return made


@pytest.mark.parametrize("make", [scaled, other_bias, gated])
def test_linear_heads_are_read_off_what_they_compute(make):
    with pytest.warns(UserWarning, match="read off its outputs"):
        found = numbers(make())
    np.testing.assert_allclose(found, numbers(plain(BIAS)), rtol=1e-3)


def test_a_report_tells_of_a_head_once():
    with pytest.warns(UserWarning, match="read off its outputs") as told:
        report(scaled())
    assert len([w for w in told if "read off" in str(w.message)]) == 1


def test_a_cosine_head_of_a_user_is_one_of_ours():
    """Whatever the lengths of its weights, which decide nothing."""
    ours = model(spa.layers.CosineDense(3))
    for lengths in (1, np.array([5.0, 1, 0.2])):
        made = model(CosineHead(3, use_bias=False), lengths)
        np.testing.assert_allclose(numbers(made), numbers(ours), rtol=1e-3)
        assert linear_classifier(spa.SpAModel.from_model(made))[1] is None


def test_a_cosine_head_in_half_precision_is_not_a_linear_one():
    """With many features the rounding of random ones allows for either."""
    backbone = keras.Sequential([keras.Input((2048,)), keras.layers.ReLU()])
    head = spa.layers.CosineDense(40, dtype="bfloat16")
    weights, biases = linear_classifier(spa.SpAModel(backbone, head))
    assert biases is None
    np.testing.assert_allclose(np.linalg.norm(weights, axis=1), 1, rtol=1e-6)
    head = keras.layers.Dense(40, use_bias=False, dtype="bfloat16")
    weights, biases = linear_classifier(spa.SpAModel(backbone, head))
    np.testing.assert_allclose(weights.T, ops.convert_to_numpy(head.kernel))


@pytest.mark.parametrize("head", [Squashed, Probabilities])
def test_heads_that_are_neither_are_refused(head):
    made = model(head(3))
    for call in (
        lambda: report(made),
        lambda: spa.align(made, (X, Y), verbose=0),
        lambda: spa.align(made, (X, Y), spa.SpASLERP.paper(0.3), verbose=0),
        lambda: spa.choose_alignment(made, (X, Y), verbose=0),
        lambda: linear_classifier(spa.SpAModel.from_model(made)),
        lambda: spa.trained.normalize_head(made, tau=1.0),
        lambda: spa.trained.retrain_head(made, (X, Y), steps=2, verbose=0),
        lambda: spa.trained.scale_head(made, (X, Y), steps=2, verbose=0),
    ):
        with pytest.raises(ValueError, match="`model` must have a classifier that"):
            call()


class Monitored(keras.Model):
    """A head that is right for the random features of a probe, not for its own."""

    def __init__(self):
        super().__init__()
        self.fc = Clipped(3)

    def call(self, x):
        return self.fc(10 * x)


class Clipped(keras.layers.Dense):
    def call(self, h):
        return super().call(ops.clip(h, -9, 9))


def test_the_first_batch_is_looked_at_as_well():
    made = Monitored()
    made(X)
    with pytest.raises(ValueError, match="features of any size.*Clipped.*differ"):
        spa.diagnose(made, (X, Y), head="fc", verbose=0)
    monitor = spa.callbacks.CollapseMonitor((X, Y))
    made = keras.Sequential(
        [keras.Input((8,)), keras.layers.Rescaling(10.0), Clipped(3)]
    )
    made.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    with pytest.raises(ValueError, match="features of any size"):
        made.fit(X, Y, callbacks=[monitor], verbose=0)


def reversed_scale():
    """A weight that is turned towards its class would turn away from it."""
    return model(ScaledHead(3, -1.0))


@pytest.mark.parametrize("make", [other_bias, gated, reversed_scale])
def test_heads_whose_kernel_is_not_all_are_not_moved(make):
    for alignment in (None, spa.SpASLERP.paper(0.3)):
        with pytest.raises(ValueError, match="decides by its kernel"):
            spa.align(make(), (X, Y), alignment, verbose=0)


def test_a_scale_of_the_whole_may_stay_where_weights_are_turned():
    """The aligned model is the one whose head has the scale in its weights."""
    slerp = spa.SpASLERP.paper(0.3)
    one, other = (
        spa.align(made, (X, Y), slerp, verbose=0) for made in (scaled(), plain(BIAS))
    )
    np.testing.assert_allclose(
        *(ops.convert_to_numpy(m(X)) for m in (one, other)), atol=1e-4
    )


def test_a_scale_after_a_subclassed_head_is_refused_by_diagnose():
    class Scaled(keras.Model):
        def __init__(self):
            super().__init__()
            self.fc = keras.layers.Dense(3)

        def call(self, x):
            return self.fc(x) * ops.convert_to_tensor([1.0, 2.0, 3.0])

    made = Scaled()
    made(X)
    with pytest.raises(ValueError, match="without a scale"):
        spa.diagnose(made, (X, Y), head="fc", verbose=0)
