"""What all alignments share: arguments, configs, compiled and eager results."""

import keras
import numpy as np
import pytest
from compilers import compiled
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

OBJECTS = [
    Alignment(),
    CosineRamp(0.2, steps=7),
    SpAProj(gamma=0.3, center=False),
    SpAReg(-0.5, center=False, gradient="features"),
    SpASLERP(0.2, threshold=0.5, center=True, norm="equal", biases="keep"),
    SpASLERP(CosineRamp(0.2, steps=7)),
]


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


@pytest.mark.parametrize(
    "hook",
    [
        lambda g, w, m, seen, step: SpAReg.paper(0.3).penalty(
            w, ClassStatistics(m, seen)
        ),
        lambda g, w, m, seen, step: SpAProj.paper().project_gradient(
            g, w, ClassStatistics(m, seen)
        ),
        lambda g, w, m, seen, step: SpASLERP.paper(CosineRamp(0.5, 10)).update_weights(
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
