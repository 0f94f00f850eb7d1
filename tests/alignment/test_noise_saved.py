"""The noise of alignments in configurations, and wild covariances."""

import keras
import numpy as np
import pytest
import toys
from keras import ops

import keras_spa as spa

STRATEGIES = [spa.SpAReg, spa.SpASLERP, spa.SpAProj]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_configuration_without_noise_is_of_isotropic_noise(strategy):
    """Such as version 0.1 wrote, which knew no other."""
    config = strategy.paper().get_config()
    unknown = "noise", "shrinkage", "biases"
    older = {k: v for k, v in config.items() if k not in unknown}
    assert repr(strategy.from_config(older)) == repr(strategy.paper())
    assert strategy.from_config(strategy().get_config()).noise == "within_class"


class Doubled(spa.SpAReg):
    """Its constructor, like its configuration, knows no noise."""

    def __init__(self, half):
        super().__init__(2 * half)
        self.half = half

    def get_config(self):
        return {"half": self.half}


def test_biases_of_an_older_file_are_those_of_its_noise():
    for slerp, biases in ((spa.SpASLERP.paper(), "keep"), (spa.SpASLERP(), "follow")):
        config = slerp.get_config()
        del config["biases"]
        assert spa.SpASLERP.from_config(config).biases == biases
    chosen = spa.SpASLERP(noise="isotropic")
    assert spa.SpASLERP.from_config(chosen.get_config()).biases == "follow"


class Seldom(spa.SpASLERP):
    """A user's, with all arguments that there were before `biases`."""

    def __init__(
        self,
        rate=0.1,
        threshold=1.0,
        center=None,
        norm="keep",
        noise="within_class",
        shrinkage=0.1,
        every=1,
    ):
        super().__init__(rate, threshold, center, norm, noise, shrinkage, every)


def test_subclasses_may_know_no_biases():
    for made, biases in ((Seldom.paper(0.2), "keep"), (Seldom(0.2), "follow")):
        again = Seldom.from_config(made.get_config())
        assert made.biases == again.biases == biases
        assert (type(again), again.rate) == (Seldom, 0.2)


def test_subclasses_that_know_no_noise_are_left_alone():
    assert Doubled.from_config(Doubled(0.2).get_config()).strength == 0.4


def test_an_older_file_is_loaded_with_what_it_was_trained_with(tmp_path, monkeypatch):
    def without(*names):
        def get_config(self, original):
            config = original(self)
            return {k: v for k, v in config.items() if k not in names}

        return get_config

    model = toys.model(
        [spa.SpAReg.paper(0.5), spa.SpAProj.paper()], compiled=toys.EAGER
    )
    toys.fit(model, *toys.data(), epochs=1)
    with monkeypatch.context() as patch:
        for strategy in (spa.SpAReg, spa.SpAProj, spa.layers.ClassMeans):
            drop, original = without("noise", "shrinkage", "covariance"), strategy
            patch.setattr(
                strategy,
                "get_config",
                lambda self, drop=drop, original=original.get_config: drop(
                    self, original
                ),
            )
        model.save(tmp_path / "old.keras")
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    assert [one.noise for one in loaded.alignments] == ["isotropic"] * 2
    assert loaded.class_means.scatter is None
    toys.assert_same_state(loaded, model, atol=0, rtol=0)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_the_metric_is_the_identity_where_nothing_is_known(value):
    """TensorFlow raises when it solves with a matrix of NaN."""
    metric = spa.geometry.shrunk(np.full((3, 3), value, "float32"), 0.1)
    np.testing.assert_array_equal(ops.convert_to_numpy(metric), np.eye(3))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("rank", [1, 3])
def test_the_least_shrinkage_is_enough_for_any_covariance(strategy, rank):
    random = np.random.RandomState(0)
    d, k = 64, 5
    root = random.randn(d, rank) * 10.0 ** random.uniform(-3, 3, (d, 1))
    parts = random.randn(k, d), np.ones(k), root @ root.T, np.array(1.0)
    statistics = spa.ClassStatistics(*(np.asarray(p, "float32") for p in parts))
    weights = ops.convert_to_tensor(random.randn(k, d).astype("float32"))
    alignment = strategy(shrinkage=0.001)
    for result in (
        alignment.penalty(weights, statistics),
        alignment.project_gradient(ops.flip(weights, 0), weights, statistics),
        alignment.update_weights(weights, statistics, 0),
    ):
        assert np.isfinite(ops.convert_to_numpy(result)).all()
