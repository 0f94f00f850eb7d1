import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_spa as spa
from keras_spa.data import Views, pipeline

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype("uint8")
SEED = (3, 7)
CROP_FLIP = spa.data.RandomCropFlip()


def numpy(views):
    return [ops.convert_to_numpy(view) for view in views]


def test_one_layer_for_two_views_draws_twice():
    first, second = numpy(Views([CROP_FLIP] * 2).augment(IMAGES, SEED))
    assert first.dtype == second.dtype == "uint8"
    assert all((a != b).any() for a, b in zip(first, second, strict=True))


def test_layers_of_a_view_are_applied_in_order():
    small, invert = spa.data.RandomResizedCrop(8), spa.data.Cutout(4, fill=7)
    plain, cut = numpy(Views([[], [small, invert]]).augment(IMAGES, SEED))
    np.testing.assert_array_equal(plain, IMAGES)
    assert cut.shape == (6, 8, 8, 3)
    assert all((image == 7).all(-1).sum() >= 4 for image in cut)


def test_the_same_on_the_host_as_on_the_device():
    views = Views([CROP_FLIP, [CROP_FLIP, spa.data.Cutout(6)]])
    data = tf.data.Dataset.from_tensors(IMAGES)
    (host,) = data.map(lambda x: views.augment(x, tf.constant(SEED)))
    device = numpy(views.augment(IMAGES, SEED))
    for a, b in zip(host, device, strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_of_a_model_differ_and_follow_from_the_seed():
    views, again = (Views([CROP_FLIP] * 2, seed=4) for _ in range(2))
    first, second = numpy(views(IMAGES)), numpy(views(IMAGES))
    assert (first[0] != second[0]).any()
    np.testing.assert_array_equal(numpy(again(IMAGES))[1], first[1])


def test_a_saved_model_goes_on_where_it_was(tmp_path):
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    model = keras.Model(inputs, Views([CROP_FLIP, []], seed=4)(inputs))
    model(IMAGES, training=True)
    model.save(tmp_path / "views.keras")
    loaded = keras.saving.load_model(tmp_path / "views.keras")
    for _ in range(2):
        expected, got = (numpy(m(IMAGES, training=True)) for m in (model, loaded))
        np.testing.assert_array_equal(got[0], expected[0])
    assert (expected[0] != IMAGES).any()


class OfOneView(keras.Model):
    def __init__(self):
        super().__init__()
        self.views = Views([CROP_FLIP, [CROP_FLIP, spa.data.RandomResizedCrop(8)]])

    def call(self, images, training=True):
        return self.views(images, training=training)[0]


@pytest.mark.parametrize("images", [IMAGES, (IMAGES, IMAGES)])
def test_a_model_that_makes_them_shows_their_shapes(images):
    model, lines = OfOneView(), []
    model(images)
    model.summary(print_fn=lines.append)
    assert "((6, 16, 16, 3)" in "".join(lines)


def test_in_inference_nothing_is_random():
    views = Views([CROP_FLIP, spa.data.RandomResizedCrop(8)])
    first, second = numpy(views(IMAGES, training=False))
    np.testing.assert_array_equal(first, IMAGES)
    assert second.shape == (6, 8, 8, 3)
    np.testing.assert_array_equal(numpy(views(IMAGES, training=False))[1], second)


def test_each_view_may_come_from_a_batch_of_its_own():
    views = Views([[], CROP_FLIP])
    other = IMAGES[::-1].copy()
    first, second = numpy(views.augment((IMAGES, other), SEED))
    np.testing.assert_array_equal(first, IMAGES)
    np.testing.assert_array_equal(second, numpy(views.augment(other, SEED))[1])


def test_pipeline_gives_tuples_of_views_that_depend_on_seed_and_batch_alone():
    data = IMAGES, np.arange(6) % 3

    def batches():
        stream = pipeline(data, 3, augment=Views([CROP_FLIP] * 2))
        return list(stream.as_numpy_iterator())

    for (views, y), (again, _) in zip(batches(), batches(), strict=True):
        assert len(views) == 2
        assert y.shape == (3,)
        np.testing.assert_array_equal(again, views)
        assert (views[0] != views[1]).any()


@pytest.mark.long
def test_views_of_files_have_crops_of_their_own(tmp_path):
    random, paths = np.random.default_rng(1), []
    for i in range(4):
        paths.append(str(tmp_path / f"{i}.png"))
        keras.utils.save_img(paths[-1], random.integers(0, 256, (40, 40, 3)))
    files = spa.data.ImageFiles(paths)

    def batch(**arguments):
        labels = np.arange(4)
        (found,) = pipeline((files, labels), 4, image_size=16, **arguments)
        return found

    (views, y), (plain, _) = batch(augment=Views([[], [], []])), batch()
    np.testing.assert_array_equal(views[0], plain)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert (views[a].numpy() != views[b].numpy()).any()
    x, y = batch(augment=Views([[], []]), partner="class_balanced")
    assert [view.shape for view in x["partner"]] == [(4, 16, 16, 3)] * 2
    np.testing.assert_array_equal(x["images"][1], views[1])


@pytest.mark.parametrize("views", [[], CROP_FLIP, [keras.layers.Dense(2)], [[3]]])
def test_bad_views(views):
    with pytest.raises(ValueError, match="`views` must be a list"):
        Views(views)


def test_bad_images():
    views = Views([[], []])
    with pytest.raises(ValueError, match="or 2 of them.*3 batches"):
        views((IMAGES,) * 3)
    with pytest.raises(ValueError, match="`images` must be a batch"):
        views(IMAGES[0])


def test_a_pipeline_takes_views_alone():
    with pytest.raises(ValueError, match="`augment`.*stands alone"):
        pipeline((IMAGES, np.arange(6)), 3, augment=[CROP_FLIP, Views([[]])])
