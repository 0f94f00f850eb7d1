import keras
import numpy as np
import pytest
from absl import flags

import keras_spa as spa
from engine import methods

COUNTS = [50, 20, 5]


@pytest.fixture(autouse=True)
def parsed_flags():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])


@pytest.mark.parametrize("name", methods.METHODS)
def test_every_method_trains_with_every_alignment_that_makes_sense(name):
    random = np.random.RandomState(0)
    x, y = random.randn(30, 6).astype("float32"), np.arange(30) % 3
    for alignment in methods.ALIGNMENTS:
        if methods.makes_sense(name, alignment):
            method = methods.make_method(name, COUNTS, epochs=2)
            model = spa.SpAModel(
                keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)]),
                method.classifier,
                methods.make_alignment(alignment, steps=4),
            )
            model.compile("sgd", method.loss, run_eagerly=True)
            history = model.fit(
                x, y, epochs=2, callbacks=[*method.callbacks], verbose=0
            )
            assert np.isfinite(history.history["loss"]).all()


def test_a_fixed_head_is_not_combined_with_what_would_move_it():
    assert not methods.makes_sense("etf_dr", "spa_slerp")
    assert not methods.makes_sense("etf_dr", "spa_proj")
    assert methods.makes_sense("etf_dr", "spa_reg")
    assert methods.makes_sense("ldam_drw", "spa_slerp")


def test_deferred_reweighting_starts_after_four_fifths_of_the_epochs():
    (deferred,) = methods.make_method("ldam_drw", COUNTS, epochs=200).callbacks
    assert deferred.epoch == 160


def test_misaligned_is_spa_reg_of_negative_strength():
    aligned = methods.make_alignment("spa_reg", 1).get_config()
    misaligned = methods.make_alignment("misaligned", 1).get_config()
    assert misaligned.pop("strength") < 0 < aligned.pop("strength")
    assert misaligned == aligned
