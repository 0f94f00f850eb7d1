"""What all alignments share: arguments, configs, compiled and eager results."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_spa import (
    Alignment,
    ClassStatistics,
    CosineRamp,
    SpAProj,
    SpAReg,
    SpASLERP,
)
from keras_spa.layers import ClassMeans

NOT_IN_0_1 = [-0.1, 1.1, float("nan"), float("inf"), True, "0.5", None]
BAD_ARGUMENTS = [
    *((CosineRamp, {"rate": value, "steps": 10}, "rate") for value in NOT_IN_0_1),
    *((CosineRamp, {"rate": 0.1, "steps": value}, "steps") for value in (0, -1, 2.5)),
    *((CosineRamp, {"rate": 0.1, "steps": value}, "steps") for value in (True, "9")),
    *((SpAProj, {"gamma": value}, "gamma") for value in NOT_IN_0_1),
    *((SpASLERP, {"rate": value}, "rate") for value in NOT_IN_0_1),
    *(
        (SpASLERP, {"threshold": value}, "threshold")
        for value in (-1.1, *NOT_IN_0_1[1:])
    ),
    (SpASLERP, {"norm": "unit"}, "norm"),
    *((SpAReg, {"strength": value}, "strength") for value in NOT_IN_0_1[2:]),
    (SpAReg, {"gradient": "weights"}, "gradient"),
    (SpAReg, {"class_means": "means"}, "class_means"),
    (SpAReg, {"class_means": ClassMeans(2), "gradient": "features"}, "gradient"),
    *((cls, {"center": "yes"}, "center") for cls in (SpAReg, SpASLERP, SpAProj)),
]
OBJECTS = [
    Alignment(),
    CosineRamp(0.2, steps=7),
    SpAProj(gamma=0.3, center=False),
    SpAReg(-0.5, center=False, gradient="features"),
    SpASLERP(0.2, threshold=0.5, center=True, norm="equal"),
    SpASLERP(CosineRamp(0.2, steps=7)),
]


@pytest.mark.parametrize(("cls", "arguments", "name"), BAD_ARGUMENTS)
def test_a_bad_argument_is_named(cls, arguments, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` .*Received: {name}="):
        cls(**arguments)


@pytest.mark.parametrize("original", OBJECTS, ids=repr)
def test_a_config_restores_the_object_any_number_of_times(original):
    config = keras.saving.serialize_keras_object(original)
    for _ in range(2):
        restored = keras.saving.deserialize_keras_object(config)
        assert type(restored) is type(original)
        assert repr(vars(restored)) == repr(vars(original))


def test_the_config_of_a_bound_regularizer_holds_its_class_means():
    original = SpAReg(0.2, class_means=ClassMeans(5, momentum=0.7))
    config = keras.saving.serialize_keras_object(original)
    for _ in range(2):
        restored = keras.saving.deserialize_keras_object(config)
        assert restored.strength == 0.2
        assert restored.class_means.num_classes == 5
        assert restored.class_means.momentum == 0.7


def test_the_base_changes_nothing():
    gradient, weights, means = np.random.default_rng(0).normal(size=(3, 4, 5))
    statistics = ClassStatistics(means, np.ones(4))
    assert Alignment().penalty(weights, statistics) == 0
    assert Alignment().project_gradient(gradient, weights, statistics) is gradient
    assert Alignment().update_weights(weights, statistics, step=3) is weights


def compiled(function):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    return pytest.skip("PyTorch runs eagerly here")


@pytest.mark.parametrize(
    "hook",
    [
        lambda g, w, m, seen, step: SpAReg(0.3).penalty(w, ClassStatistics(m, seen)),
        lambda g, w, m, seen, step: SpAProj().project_gradient(
            g, w, ClassStatistics(m, seen)
        ),
        lambda g, w, m, seen, step: SpASLERP(CosineRamp(0.5, 10)).update_weights(
            w, ClassStatistics(m, seen), step
        ),
    ],
    ids=["SpAReg", "SpAProj", "SpASLERP"],
)
def test_compiled_equals_eager(hook):
    rows = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    inputs = [*map(ops.convert_to_tensor, (*rows, np.float32([1, 0, 1, 1]), 4))]
    expected = ops.convert_to_numpy(hook(*inputs))
    result = ops.convert_to_numpy(compiled(hook)(*inputs))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
