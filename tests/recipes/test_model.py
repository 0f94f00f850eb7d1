"""What a method's model is made of: its views, its layers after the backbone."""

import keras
import lives
import numpy as np
import pytest
from PIL import Image

import keras_spa as spa
from engine import inputs
from engine.command_line import parse
from engine.methods import make_method, make_model
from engine.registry import RECIPES

COUNTS = [12, 5, 2]


def model_of(*arguments):
    config = lives.config("--smoke", *arguments)
    data = lives.load(config)
    method = make_method(config, COUNTS)
    backbone = inputs.augmented_backbone(config, lives.backbone(config))
    on_host = inputs.comes_from_pipeline(config, data)
    views = None if on_host else inputs.views_layer(config)
    return make_model(config, method, backbone, COUNTS, views)


def test_bcl_makes_its_views_where_augmentation_is():
    flags = ("--method=bcl", "--augment=crop_flip", "--bcl_temperature=0.2")
    on_device, on_host = model_of(*flags), model_of(*flags, "--augment_on=host")
    assert type(on_device) is type(on_host) is spa.models.BCL
    assert on_device.temperature == 0.2
    kinds = [[type(x).__name__ for x in view] for view in on_device.augment.views]
    assert kinds == [["RandomCropFlip"], ["SimAugment"], ["SimAugment"]]
    assert on_host.augment is None
    assert not any("augment" in layer.name for layer in on_device.backbone.layers)


def test_batches_from_the_host_come_in_three_views():
    for augment, several in (("none", False), ("crop_flip", True)):
        config = lives.config(
            *("--smoke", "--method=bcl", "--augment_on=host"), f"--augment={augment}"
        )
        data = lives.load(config)
        assert inputs.comes_from_pipeline(config, data) is several
        arguments, _ = inputs.training_inputs(config, data, 8, 2, 0, 0)
        x, y = next(iter(arguments["x"])) if several else arguments["x"][0]
        views = x if several else [x]
        assert [tuple(view.shape[1:]) for view in views] == [(8, 8, 3)] * len(views)
        assert len(views) == (3 if several else 1)
        assert np.asarray(y).ndim == 1


@pytest.mark.slow
@pytest.mark.parametrize("network", ["resnet50", "resnext50"])
def test_networks_of_imagenet_take_pixels(network):
    task = RECIPES["imagenet_lt"]
    (config,) = parse([f"--network={network}", "--seed=0", "--data_dir=x"], task).runs
    backbone = task.backbone(config)
    (pixels,) = backbone.inputs
    assert (pixels.dtype, pixels.shape[1:]) == ("uint8", (224, 224, 3))
    assert backbone.output_shape == (None, task.num_features(config))
    inner = [layer for layer in backbone.layers if isinstance(layer, keras.Model)]
    assert [layer.name.split("_")[0] for layer in inner] == [network]


def from_files(tmp_path, *arguments):
    """A configuration, and three files for it, dark and light ones of one level."""
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        Image.new("RGB", (16, 16), (100 + i,) * 3).save(path)
    images = spa.data.ImageFiles(paths)
    split = spa.data.Split(images, np.arange(3))
    data = spa.data.LongTailedData("files", split, None, split, ["a", "b", "c"])
    return lives.config("--smoke", "--batch_size=3", *arguments), data


@pytest.mark.parametrize("method", ["ce", "glmc", "bcl"])
def test_files_are_cropped_once(tmp_path, method):
    flags = f"--method={method}", "--augment=sim_augment"
    config, data = from_files(tmp_path, *flags)
    assert inputs.comes_from_pipeline(config, data)
    layers = inputs.augmentation_layers(config, from_files=True)
    views = inputs.views_layer(config, from_files=True)
    for layer in layers + [view for (view,) in getattr(views, "views", [])]:
        assert layer.get_config()["scale"] == (1.0, 1.0)
        assert layer.get_config()["blur"] == (0 if method == "bcl" else None)


@pytest.mark.long
def test_bcl_classifies_views_of_rand_augment(tmp_path):
    flags = "--method=bcl", "--augment=rand_augment"
    for place in ("host", "device"):
        views = inputs.views_layer(lives.config(*flags, f"--augment_on={place}")).views
        kinds = [[type(x).__name__ for x in view] for view in views]
        assert kinds[0] == ["RandomCropFlip", "RandAugment"]
        assert kinds[1:] == [["SimAugment"]] * 2
    config, data = from_files(tmp_path, *flags)
    colours, rand_augment = inputs.views_layer(config, from_files=True).views[0]
    assert colours.scale == (1.0, 1.0)
    settings = colours.jitter_probability, colours.hue, colours.grayscale, colours.blur
    assert settings == (1, 0, 0, 0)
    assert (rand_augment.num_ops, rand_augment.magnitude) == (2, 10)
    assert rand_augment.probability == 0.5
    arguments, _ = inputs.training_inputs(config, data, 8, 1, 0, 0)
    views, _ = next(iter(arguments["x"]))
    assert [tuple(view.shape) for view in views] == [(3, 8, 8, 3)] * 3


@pytest.mark.parametrize("place", ["host", "device"])
def test_files_are_augmented_once(tmp_path, place):
    """On the device by the model alone: the pipeline reads and crops them."""
    flags = "--augment=auto_augment", f"--augment_on={place}"
    config, data = from_files(tmp_path, *flags)
    arguments, _ = inputs.training_inputs(config, data, 8, 1, 0, 0)
    images, _ = next(iter(arguments["x"]))
    untouched = {int(np.asarray(image).min()) for image in images} == {100, 101, 102}
    model = inputs.augmented_backbone(config, lives.backbone(config), from_files=True)
    in_model = [type(x).__name__ for x in model.layers if hasattr(x, "augment")]
    assert untouched == (place == "device")
    expected = ["RandomCropFlip", "AutoAugment", "Cutout"]
    assert in_model == (expected if place == "device" else [])


def test_disa_stands_between_backbone_and_classifier():
    model = model_of("--method=disa", "--disa_strength=0.3")
    layer = model.backbone.layers[-1]
    assert isinstance(layer, spa.layers.DisA)
    assert layer.strength == 0.3
    assert isinstance(model.classifier, keras.layers.Dense)


def test_a_contrast_of_colours_needs_them():
    arguments, task = ["--method=bcl", "--smoke"], RECIPES["digits_lt"]
    with pytest.raises(
        ValueError, match="--contrast_augment=sim_augment is for images"
    ):
        parse(arguments, task)
    assert parse([*arguments, "--contrast_augment=crop_flip"], task).runs
