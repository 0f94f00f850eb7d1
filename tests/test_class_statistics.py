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
def normalisations(monkeypatch):
    """Whether each normalisation of class means from here on centred them."""
    real, asked = geometry.mean_directions, []

    def mean_directions(means, seen, center=True):
        asked.append(center)
        return real(means, seen, center)

    monkeypatch.setattr(geometry, "mean_directions", mean_directions)
    return asked


@pytest.mark.parametrize("center", [True, False])
def test_directions_and_cosines_match_a_loop(center):
    statistics = ClassStatistics(MEANS, SEEN)
    expected = mean_directions(MEANS, SEEN, center)
    np.testing.assert_allclose(statistics.directions(center), expected, atol=1e-6)
    cosines = [unit(w) @ m for w, m in zip(WEIGHTS, expected, strict=True)]
    np.testing.assert_allclose(statistics.cosines(WEIGHTS, center), cosines, atol=1e-6)


def test_each_kind_of_direction_is_computed_when_first_asked_for(normalisations):
    statistics = ClassStatistics(MEANS, SEEN)
    assert normalisations == []
    first = statistics.directions()
    assert statistics.directions() is first
    statistics.cosines(WEIGHTS)
    assert normalisations == [True]
    statistics.directions(center=False)
    statistics.cosines(WEIGHTS, center=False)
    assert normalisations == [True, False]


def test_nothing_of_it_can_be_replaced():
    with pytest.raises(AttributeError):
        ClassStatistics(MEANS, SEEN).means = WEIGHTS


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_step_normalises_the_class_means_once(normalisations, policy):
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
    normalisations.clear()
    model.train_on_batch(x, y)
    # What a skipped batch leaves behind, with float16, is the class means of before.
    again = [True] if policy == "mixed_float16" else []
    assert sorted(normalisations) == [False, True, *again]


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="pytrees are JAX's")
def test_jax_takes_it_apart_and_puts_it_together_with_what_is_known(normalisations):
    import jax

    statistics = ClassStatistics(MEANS, SEEN)
    centred = statistics.directions()
    back = jax.jit(lambda given: given)(statistics)
    np.testing.assert_array_equal(back.means, MEANS)
    np.testing.assert_array_equal(back.seen, SEEN)
    np.testing.assert_array_equal(back.directions(), ops.convert_to_numpy(centred))
    assert normalisations == [True]
