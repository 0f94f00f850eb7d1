"""Images of another range than a layer's are refused, or NaN: never images of noise."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_spa.data import (
    AutoAugment,
    RandAugment,
    RandomCropFlip,
    SimAugment,
    Views,
    pipeline,
)

BYTES = np.random.default_rng(0).integers(0, 256, (8, 12, 12, 3)).astype("uint8")
LEVELS = BYTES.astype("float32")
LABELS = np.arange(8) % 2
RANGES = [(0, 1), (-1, 1), (0, 65535)]
LAYERS = [AutoAugment, RandAugment, SimAugment]
EVERY = pytest.mark.parametrize("layer", LAYERS)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def in_range(levels, value_range):
    black, white = value_range
    return (levels / 255 * (white - black) + black).astype("float32")


@EVERY
@pytest.mark.parametrize("value_range", RANGES)
def test_a_range_changes_nothing_but_the_range(layer, value_range):
    expected = numpy(layer().augment(LEVELS, (3, 4)))
    made = layer(value_range=value_range).augment(in_range(LEVELS, value_range), (3, 4))
    black, white = value_range
    levels = (numpy(made) - black) / (white - black) * 255
    assert np.mean(np.abs(levels - expected) > 1.01) < 1e-3


@EVERY
def test_the_default_is_that_of_bytes(layer):
    expected = numpy(layer().augment(BYTES, (3, 4)))
    made = numpy(layer().augment(LEVELS, (3, 4)))
    assert np.mean(np.abs(made - expected) > 1) < 0.05  # bytes are rounded amid it
    copy = layer.from_config(layer(value_range=(0, 1)).get_config())
    assert copy.value_range == (0, 1)


@EVERY
@pytest.mark.parametrize(
    ("value_range", "given"),
    [((0, 255), (0, 1)), ((0, 255), (-1, 1)), ((0, 1), (0, 255)), ((-1, 1), (0, 255))],
)
def test_another_range_is_refused(layer, value_range, given):
    images = in_range(LEVELS, given)
    made = layer(value_range=value_range)
    for call in (made, lambda x: made.augment(x, (1, 2)), Views([made, made])):
        with pytest.raises(
            ValueError, match=f"value range of {layer.__name__}, .*Recei"
        ):
            call(images)
    for augment in (made, [RandomCropFlip(), made], Views([[], [made]])):
        with pytest.raises(
            ValueError, match=f"value range of {layer.__name__}, .*Recei"
        ):
            pipeline((images, LABELS), 4, augment=augment)


@EVERY
def test_bytes_have_one_range(layer):
    with pytest.raises(ValueError, match=r"0\.\.1 .*values from 0 to 255"):
        layer(value_range=(0, 1))(BYTES)
    with pytest.raises(ValueError, match=r"0\.\.1 .*values from 0 to 255"):
        pipeline((BYTES, LABELS), 4, augment=layer(value_range=(0, 1)))
    for wrong in (255, (1, 0), (0, np.inf), "01", (0, 1, 2)):
        with pytest.raises(
            ValueError, match="Argument `value_range` must be .*Received"
        ):
            layer(value_range=wrong)


@EVERY
def test_black_images_are_of_any_range(layer):
    assert np.isfinite(numpy(layer()(np.zeros_like(LEVELS)))).all()


@EVERY
def test_in_a_graph_another_range_becomes_nan(layer):
    """A function before the layer: nobody can look at its values."""
    given = pipeline((LEVELS, LABELS), 8, augment=[lambda x: x / 255, layer()])
    ((images, _),) = given
    assert np.isnan(images).all()
    right = layer(value_range=(0, 1))
    ((images, _),) = pipeline((LEVELS, LABELS), 8, augment=[lambda x: x / 255, right])
    assert np.isfinite(images).all()
    assert 0.9 < images.numpy().max() <= 1.01


@EVERY
@pytest.mark.slow
def test_in_a_model_another_range_shows_in_the_loss(layer):
    for scale, finite in ((1.0, True), (1 / 255, False)):
        model = keras.Sequential(
            [layer(), keras.layers.Flatten(), keras.layers.Dense(2)]
        )
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
        x = (LEVELS * scale).astype("float32") / 1
        if keras.backend.backend() == "torch" and not finite:  # eager: told at once
            with pytest.raises(ValueError, match="value range"):
                model.fit(x, LABELS, verbose=0)
            continue
        loss = model.fit(x, LABELS, verbose=0).history["loss"][0]
        assert np.isfinite(loss) == finite


def test_layers_of_keras_are_looked_at_too():
    layer = keras.layers.RandomBrightness(0.5)
    with pytest.raises(ValueError, match="value range of RandomBrightness, 0..255"):
        pipeline((LEVELS / 255, LABELS), 4, augment=layer)
    tf.data.Dataset.cardinality(pipeline((LEVELS, LABELS), 4, augment=layer))
    layer = keras.layers.RandomBrightness(0.5, value_range=(0, 1))
    pipeline((LEVELS / 255, LABELS), 4, augment=layer)
    with pytest.raises(ValueError, match="value range of RandomBrightness, 0..1 "):
        pipeline((BYTES, LABELS), 4, augment=layer)
