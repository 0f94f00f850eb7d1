import keras
import numpy as np
import pytest

import keras_spa as spa
from engine import inputs
from engine.config import RunConfig, can_combine
from engine.methods import make_alignment, make_method, make_model
from engine.names import ALIGNMENTS, METHODS, PARTNERED, VIEWS

COUNTS = [50, 20, 5]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_with_every_alignment_that_makes_sense(name):
    random = np.random.RandomState(0)
    x, y = random.randn(30, 2, 3, 1).astype("float32"), np.arange(30) % 3
    partner = "class_balanced" if name in PARTNERED else None
    for alignment in ALIGNMENTS:
        if can_combine(name, alignment):
            config = RunConfig(
                method=name,
                alignment=alignment,
                epochs=2,
                contrast_augment="crop_flip",  # grey images
            )
            method = make_method(config, COUNTS)
            flat = [keras.layers.Flatten(), keras.layers.Dense(4)]
            backbone = keras.Sequential([keras.Input((2, 3, 1)), *flat])
            views = inputs.views_layer(config)
            model = make_model(config, method, backbone, COUNTS, views)
            if alignment != "none":
                model.add_loss(make_alignment(config, steps=4))
            model.compile("sgd", method.loss, run_eagerly=True)
            batches = spa.data.Batches((x, y), 32, partner=partner)
            history = model.fit(
                batches,
                epochs=2,
                callbacks=[*method.callbacks],
                verbose=0,
                shuffle=False,
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


def test_glmc_is_made_as_its_flags_say():
    config = RunConfig(
        method="glmc",
        epochs=9,
        label_weighting=0.5,
        contrast_weight=2.0,
        aligned_head="both",
        clean_pass="training",
        augment="crop_flip",
        seed=3,
    )
    views = inputs.views_layer(config)
    assert len(views) == VIEWS["glmc"]
    assert [type(layer) for layer in views.views[1]] == [spa.data.RandomCropFlip]
    backbone = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    assert inputs.augmented_backbone(config, backbone) is backbone
    model = make_model(config, make_method(config, COUNTS), backbone, COUNTS, views)
    got = model.get_config()
    expected = {"epochs": 9, "label_weighting": 0.5, "contrast_weight": 2.0}
    expected |= {"aligned": "both", "means": "training", "seed": 3}
    assert {name: got[name] for name in expected} == expected
    assert model.augment is views


@pytest.mark.parametrize(("weighting", "share"), [(0.0, 5 / 75), (1.0, 1 / 3)])
@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_partners_are_of_the_sampler_that_the_flag_says(weighting, share, augment_on):
    config = RunConfig(
        method="glmc",
        resample_weighting=weighting,
        augment="crop_flip",
        augment_on=augment_on,
        batch_size=75,
    )
    split = spa.data.Split(
        np.zeros((75, 8, 8, 3), "uint8"), np.repeat([0, 1, 2], COUNTS)
    )
    data = spa.data.LongTailedData("toy", split, None, split, ["a", "b", "c"])
    arguments, _ = inputs.training_inputs(config, data, 8, 1, 0, 0)
    (x, _), *_ = (
        iter(arguments["x"].take(1)) if augment_on == "host" else [arguments["x"][0]]
    )
    rare = np.mean(np.asarray(x["partner_labels"]) == 2)
    assert abs(rare - share) < 0.15
    assert isinstance(x["images"], tuple) == (augment_on == "host")
