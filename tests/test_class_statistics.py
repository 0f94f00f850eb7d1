import keras
import numpy as np
import pytest
import toys
from keras import ops
from reference import mean_directions, unit

import keras_spa as spa
from keras_spa import ClassStatistics, geometry

MEANS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
WEIGHTS = np.random.default_rng(1).normal(size=(4, 3)).astype("float32")
SEEN = np.float32([1, 0, 1, 1])


@pytest.fixture
def centrings(monkeypatch):
    """The axis along which class means lay, each time they were centred from here."""
    real, asked = geometry.centred, []

    def centred(means, seen, axis=-1):
        asked.append(axis)
        return real(means, seen, axis)

    monkeypatch.setattr(geometry, "centred", centred)
    return asked


@pytest.mark.parametrize("center", [True, False])
def test_directions_and_cosines_match_a_loop(center):
    statistics = ClassStatistics(MEANS, SEEN)
    expected = mean_directions(MEANS, SEEN, center)
    np.testing.assert_allclose(statistics.directions(center), expected, atol=1e-6)
    cosines = [unit(w) @ m for w, m in zip(WEIGHTS, expected, strict=True)]
    np.testing.assert_allclose(statistics.cosines(WEIGHTS, center), cosines, atol=1e-6)


def test_each_kind_of_direction_is_computed_when_first_asked_for(centrings):
    statistics = ClassStatistics(MEANS, SEEN)
    assert centrings == []
    first = statistics.directions()
    assert statistics.directions() is first
    statistics.cosines(WEIGHTS)
    plain = statistics.directions(center=False)
    assert statistics.directions(center=False) is plain
    assert centrings == [-1]
    statistics.cosines(WEIGHTS.T, axis=0)
    statistics.directions(axis=0)
    assert centrings == [-1, 0]


def test_nothing_of_it_can_be_replaced():
    with pytest.raises(AttributeError):
        ClassStatistics(MEANS, SEEN).means = WEIGHTS


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_step_centres_the_class_means_once(centrings, policy):
    keras.config.set_dtype_policy(policy)
    alignments = [
        spa.SpAReg.paper(0.5),
        spa.SpAProj.paper(),
        spa.SpASLERP.paper(0.1, center=True),
        spa.SpASLERP.paper(0.1, center=False),
    ]
    model = toys.model(alignments, compiled={"run_eagerly": True})
    x, y = toys.data(16)
    model.train_on_batch(x, y)  # JAX traces a step to build the model
    centrings.clear()
    model.train_on_batch(x, y)
    # What a skipped batch leaves behind, with float16, is the class means of before.
    times = 2 if policy == "mixed_float16" else 1
    axis = -1 if keras.backend.backend() == "jax" else 0
    assert centrings == [axis] * times


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="pytrees are JAX's")
def test_jax_takes_it_apart_and_puts_it_together_with_what_is_known(centrings):
    import jax

    statistics = ClassStatistics(MEANS, SEEN)
    centred = statistics.directions()
    back = jax.jit(lambda given: given)(statistics)
    np.testing.assert_array_equal(back.means, MEANS)
    np.testing.assert_array_equal(back.seen, SEEN)
    np.testing.assert_array_equal(back.directions(), ops.convert_to_numpy(centred))
    assert centrings == [-1]
