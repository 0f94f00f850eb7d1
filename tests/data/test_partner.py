"""Batches that bring a second batch along, of another sampler."""

import keras
import numpy as np
import pytest

import keras_spa as spa
from keras_spa.data import Batches, epoch_order, pipeline
from keras_spa.data.order import PARTNER

IMAGES = np.zeros((50, 8, 8, 3), "uint8")
IMAGES[:, 0, 0, 0] = np.arange(50)  # each image carries its number
LABELS = np.repeat(np.arange(3), [40, 8, 2]).astype("int32")
DATA = IMAGES, LABELS
CROP_FLIP = [spa.data.RandomCropFlip(padding=2)] * 2


def on_host(**arguments):
    batches = pipeline(DATA, 16, seed=5, partner="class_balanced", **arguments)
    return list(batches.as_numpy_iterator())


def of_arrays(**arguments):
    batches = Batches(DATA, 16, seed=5, partner="class_balanced", **arguments)
    return [batches[i] for i in range(len(batches))]


def numbers(images):
    return images[:, 0, 0, 0]


def joined(batches, name):
    return np.concatenate([x[name] for x, _ in batches])


@pytest.mark.parametrize("batches", [on_host, of_arrays])
def test_partners_follow_the_order_of_their_stream_with_their_labels(batches):
    batches = batches(first_epoch=2)
    expected = epoch_order(LABELS, 2, 5, "class_balanced", stream=PARTNER)
    np.testing.assert_array_equal(numbers(joined(batches, "partner")), expected)
    labels = joined(batches, "partner_labels")
    np.testing.assert_array_equal(labels, LABELS[expected])
    assert [len(x["partner"]) for x, _ in batches] == [16, 16, 16, 2]


@pytest.mark.parametrize("batches", [on_host, of_arrays])
def test_what_they_go_with_is_what_it_is_without_them(batches):
    own = epoch_order(LABELS, 0, 5)
    batches = batches()
    np.testing.assert_array_equal(numbers(joined(batches, "images")), own)
    labels = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(labels, LABELS[own])


def test_partners_of_the_same_sampler_are_others():
    batches = Batches(DATA, 50, partner="instance")
    ((x, _),) = (batches[i] for i in range(1))
    assert np.mean(numbers(x["images"]) == numbers(x["partner"])) < 0.2


def test_the_next_epoch_has_other_partners_the_same_ones_each_time():
    batches = Batches(DATA, 16, seed=5, partner="reverse")
    batches.on_epoch_end()
    got = np.concatenate([batches[i][0]["partner_labels"] for i in range(4)])
    orders = [epoch_order(LABELS, e, 5, "reverse", PARTNER) for e in (0, 1)]
    np.testing.assert_array_equal(got, LABELS[orders[1]])
    assert (orders[0] != orders[1]).any()


@pytest.mark.parametrize("first", [1, 3])
def test_any_batch_can_be_the_first(first):
    whole, rest = of_arrays(first_epoch=1), of_arrays(first_epoch=1, first_batch=first)
    for (x, y), (later, later_y) in zip(whole[first:], rest, strict=True):
        for name in x:
            np.testing.assert_array_equal(later[name], x[name])
        np.testing.assert_array_equal(later_y, y)


@pytest.mark.slow
def test_any_batch_of_an_augmented_stream_can_be_the_first():
    def batches(first):
        augment = spa.data.Views(CROP_FLIP)
        arguments = {"seed": 5, "partner": "reverse", "augment": augment}
        stream = pipeline(DATA, 16, repeat=True, first_batch=first, **arguments)
        return list(stream.take(6 - first).as_numpy_iterator())

    whole, rest = batches(0), batches(3)
    for (x, y), (later, later_y) in zip(whole[3:], rest, strict=True):
        for name in ("images", "partner"):
            assert len(x[name]) == 2
            for view, later_view in zip(x[name], later[name], strict=True):
                np.testing.assert_array_equal(later_view, view)
        np.testing.assert_array_equal(later["partner_labels"], x["partner_labels"])
        np.testing.assert_array_equal(later_y, y)


def test_images_and_partners_are_augmented_independently():
    same = np.repeat(IMAGES[40:41], 50, axis=0), LABELS
    same[0][:, 2:5, 3] = 200
    augment = spa.data.RandomCropFlip(padding=2)
    (x, _), *_ = pipeline(same, 50, partner=1, augment=augment).as_numpy_iterator()
    assert np.any(x["images"] != x["partner"])
    ((plain, _),) = pipeline(same, 50, augment=augment).as_numpy_iterator()
    np.testing.assert_array_equal(x["images"], plain)


def test_evaluation_has_none():
    ((images, labels),) = pipeline(DATA, 50, training=False, partner="reverse")
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(labels, LABELS)


class Mixed(keras.Model):
    """Logits of the mean of images and partners."""

    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(3)

    def call(self, x):
        assert sorted(x) == ["images", "partner", "partner_labels"]
        mixed = keras.ops.cast(x["images"] / 2 + x["partner"] / 2, "float32")
        return self.head(keras.layers.Flatten()(mixed))


@pytest.mark.parametrize("batches", [Batches, pipeline])
def test_fit_takes_them_on_any_backend(batches):
    model = Mixed()
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    model.compile("sgd", loss, metrics=["accuracy"])
    data = batches(DATA, 16, partner="class_balanced")
    history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))


@pytest.mark.parametrize("batches", [Batches, pipeline])
def test_bad_input(batches):
    with pytest.raises(ValueError, match="`sampling`.*'even'"):
        batches(DATA, 16, partner="even")


def test_mixing_layers_of_keras_mix_one_batch():
    for more in ({"partner": "reverse"}, {"augment": spa.data.Views(CROP_FLIP)}):
        with pytest.raises(ValueError, match="`mix` mixes the images of one batch"):
            pipeline(DATA, 16, mix=keras.layers.MixUp(), num_classes=3, **more)
