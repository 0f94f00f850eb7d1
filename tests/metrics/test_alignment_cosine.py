import keras
import numpy as np
import pytest
from reference import mean_directions, unit

from keras_spa import ClassStatistics
from keras_spa.metrics import AlignmentCosine

K, D = 4, 3


def arrays(seed):
    return np.random.default_rng(seed).normal(size=(2, K, D)).astype("float32")


def formula(weights, means, seen, center):
    directions = mean_directions(means, seen, center)
    return np.mean([unit(weights[c]) @ directions[c] for c in range(K) if seen[c]])


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("seen", [[1, 1, 1, 1], [1, 0, 1, 0]])
def test_is_the_mean_over_updates_of_the_mean_cosine(center, seen):
    metric = AlignmentCosine(center)
    expected = []
    for seed in range(3):
        weights, means = arrays(seed)
        metric.update_state(weights, ClassStatistics(means, np.array(seen)))
        expected.append(formula(weights, means, seen, center))
        assert float(metric.result()) == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_runs_from_opposite_to_aligned(sign):
    metric = AlignmentCosine(center=False)
    weights, _ = arrays(0)
    metric.update_state(sign * weights, ClassStatistics(3 * weights, np.ones(K)))
    assert float(metric.result()) == pytest.approx(sign, abs=1e-6)


def test_is_nan_until_a_class_has_been_seen():
    metric = AlignmentCosine()
    assert np.isnan(float(metric.result()))
    weights, means = arrays(0)
    metric.update_state(weights, ClassStatistics(0 * means, np.zeros(K)))
    assert np.isnan(float(metric.result()))
    # the update before counts nothing
    metric.update_state(weights, ClassStatistics(means, np.ones(K)))
    expected = formula(weights, means, np.ones(K), center=True)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_reset_forgets():
    metric = AlignmentCosine()
    weights, means = arrays(0)
    metric.update_state(weights, ClassStatistics(means, np.ones(K)))
    metric.reset_state()
    assert np.isnan(float(metric.result()))


def test_a_config_restores_the_metric():
    metric = AlignmentCosine(center=False, name="nc3")
    config = keras.saving.serialize_keras_object(metric)
    restored = keras.saving.deserialize_keras_object(config)
    assert restored.get_config() == metric.get_config()
    assert (restored.center, restored.name) == (False, "nc3")
