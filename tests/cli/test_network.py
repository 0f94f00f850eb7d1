"""Networks fit the images, and precision the device."""

import argparse

import keras
import numpy as np
import pytest

import keras_spa as spa
from keras_spa.cli import methods, network, precision


def layers_of(model):
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)


def backbone(shape, name=None, weights="none", augment="auto", steps=1000):
    arguments = argparse.Namespace(
        backbone=name, depth=8, width=16, weights=weights, augment=augment, seed=0
    )
    layer = network.augmentation(arguments, shape)
    return network.backbone(arguments, shape, steps), layer


@pytest.mark.parametrize("shape", [(8, 8, 1), (10, 13, 4), (64, 64, 3)])
def test_the_residual_network_takes_any_small_images(shape):
    model, layer = backbone(shape)
    augmented = network.augmented(model, layer)
    assert model.output_shape == (None, 64)
    assert layer.padding == shape[0] // 8
    images = np.random.RandomState(0).randint(0, 256, (2, *shape)).astype("uint8")
    plain, one, other = (
        keras.ops.convert_to_numpy(one(images, training=False))
        for one in (model, network.augmented(model, None), augmented)
    )
    assert np.isfinite(plain).all()
    np.testing.assert_array_equal(plain, one)
    np.testing.assert_array_equal(plain, other)


def test_networks_of_keras_applications_take_grey_images_too():
    model, _ = backbone((32, 32, 1), "mobilenet_v2")
    assert model.output_shape == (None, 1280)
    assert model.input_shape == (None, 32, 32, 1)


def test_batch_normalisation_forgets_in_time():
    for steps, expected in ((10, 0.5), (20, 0.6), (10_000, 0.9)):
        model, _ = backbone((8, 8, 3), steps=steps)
        found = {
            layer.momentum
            for layer in layers_of(model)
            if isinstance(layer, keras.layers.BatchNormalization)
        }
        assert found == {expected}


def test_what_cannot_be_built_is_told(tmp_path):
    with pytest.raises(ValueError, match="--weights must be none with --backbone=resn"):
        backbone((8, 8, 3), weights="imagenet")
    (tmp_path / "w.h5").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="--backbone=mobilenet_v2 with --weights=/"):
        backbone((32, 32, 3), "mobilenet_v2", str(tmp_path / "w.h5"))


def test_precision_is_that_of_the_device(monkeypatch):
    assert precision.policy("auto") == "float32"  # the tests compute on CPUs
    assert precision.policy("float16") == "mixed_float16"
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    assert precision.policy("auto") == "mixed_bfloat16"
    assert precision.policy("float32") == "float32"


def test_the_learning_rate_rises_and_falls():
    arguments = argparse.Namespace(
        learning_rate=None, weights="none", weight_decay=0.05
    )
    schedule = methods.optimizer(arguments, 100)._learning_rate
    rates = [float(schedule(step)) for step in (0, 5, 52, 100)]
    np.testing.assert_allclose(rates, [0, 1e-3, 5.08e-4, 0], atol=2e-5)


def test_the_logits_of_ldam_are_scaled_and_its_loss_is_the_usual_one():
    counts, labels = np.array([900, 90, 9]), np.array([0, 1, 2, 2])
    features = np.random.RandomState(0).randn(4, 5).astype("float32")
    layer = methods.classifier("ldam_drw", 3)
    logits = keras.ops.convert_to_numpy(layer(features))
    (kernel,) = layer.get_weights()
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = unit @ (kernel / np.linalg.norm(kernel, axis=0))
    np.testing.assert_allclose(logits, 30 * cosines, rtol=1e-5, atol=1e-5)
    loss = methods.loss("ldam_drw", counts)(labels, logits)
    usual = spa.losses.LDAM(counts)(labels, cosines)
    np.testing.assert_allclose(float(loss), float(usual), rtol=1e-5)
