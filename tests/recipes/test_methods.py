import keras
import numpy as np
import pytest

import keras_spa as spa
from engine.config import RunConfig, can_combine
from engine.methods import ALIGNMENTS, METHODS, make_alignment, make_method

COUNTS = [50, 20, 5]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_with_every_alignment_that_makes_sense(name):
    random = np.random.RandomState(0)
    x, y = random.randn(30, 6).astype("float32"), np.arange(30) % 3
    for alignment in ALIGNMENTS:
        if can_combine(name, alignment):
            config = RunConfig(method=name, alignment=alignment, epochs=2)
            method = make_method(config, COUNTS)
            model = spa.SpAModel(
                keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)]),
                method.classifier,
                make_alignment(config, steps=4),
            )
            model.compile("sgd", method.loss, run_eagerly=True)
            history = model.fit(
                x, y, epochs=2, callbacks=[*method.callbacks], verbose=0
            )
            assert np.isfinite(history.history["loss"]).all()


def test_a_fixed_head_is_not_combined_with_what_would_move_it():
    assert not can_combine("etf_dr", "spa_slerp")
    assert not can_combine("etf_dr", "spa_proj")
    assert can_combine("etf_dr", "spa_reg")
    assert can_combine("ldam_drw", "spa_slerp")


def test_deferred_reweighting_starts_after_four_fifths_of_the_epochs():
    (deferred,) = make_method(RunConfig(method="ldam_drw"), COUNTS).callbacks
    assert deferred.epoch == 160


def test_misaligned_is_spa_reg_of_negative_strength():
    aligned, misaligned = (
        make_alignment(RunConfig(alignment=name), 1).get_config()
        for name in ("spa_reg", "misaligned")
    )
    assert misaligned.pop("strength") < 0 < aligned.pop("strength")
    assert misaligned == aligned


@pytest.mark.parametrize(
    ("stop", "rates"), [(1.0, (0.2, 0.1, 0.0)), (0.5, (0.2, 0.0, 0))]
)
def test_a_fading_rate_reaches_zero_where_the_alignment_stops(stop, rates):
    config = RunConfig(
        alignment="spa_slerp_noise",
        noise_slerp_rate=0.2,
        noise_slerp_fade=True,
        spa_stop=stop,
    )
    rate = make_alignment(config, steps=100).rate
    at = [float(rate(step)) for step in (0, 50, 100)]
    np.testing.assert_allclose(at, rates, atol=1e-6)


@pytest.mark.parametrize("name", ["spa_reg", "spa_slerp", "spa_proj"])
def test_an_alignment_has_the_papers_form_and_that_in_the_metric_of_the_noise(name):
    paper, ours = (
        make_alignment(RunConfig(alignment=f"{name}{suffix}"), 1)
        for suffix in ("", "_noise")
    )
    assert type(paper) is type(ours)
    assert (paper.noise, ours.noise) == ("isotropic", "within_class")
