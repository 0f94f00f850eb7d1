import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_spa as spa
from keras_spa.data import Batches, epoch_order, pipeline

IMAGES = np.random.RandomState(0).randint(0, 256, (50, 8, 8, 3)).astype("uint8")
IMAGES[:, 0, 0, 0] = np.arange(50)  # each image carries its number
LABELS = np.repeat(np.arange(3), [40, 8, 2]).astype("int32")
DATA = IMAGES, LABELS


def rows(batches):
    return np.concatenate(
        [images[:, 0, 0, 0] for images, _ in batches.as_numpy_iterator()]
    )


def all_images(batches):
    return np.concatenate([images for images, _ in batches.as_numpy_iterator()])


@pytest.mark.parametrize("sampling", ["instance", "class_balanced", "reverse"])
def test_each_iteration_is_the_next_epoch(sampling):
    batches = pipeline(DATA, 16, seed=3, sampling=sampling, first_epoch=4)
    for epoch in (4, 5):
        expected = epoch_order(LABELS, epoch, 3, sampling)
        np.testing.assert_array_equal(rows(batches), expected)


def test_endless_stream_is_the_epochs_in_a_row_whoever_looked_first():
    batches = pipeline(DATA, 16, repeat=True, first_epoch=1)
    assert int(batches.cardinality()) == tf.data.INFINITE_CARDINALITY
    next(iter(batches))
    expected = np.concatenate([epoch_order(LABELS, epoch) for epoch in (1, 2)])
    np.testing.assert_array_equal(rows(batches.take(8)), expected)


def test_order_does_not_depend_on_global_seeds():
    keras.utils.set_random_seed(1)
    first = rows(pipeline(DATA, 16))
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(rows(pipeline(DATA, 16)), first)


def test_images_and_labels_stay_together_in_their_dtypes():
    for images, labels in pipeline(DATA, 16).as_numpy_iterator():
        assert images.dtype == "uint8"
        assert labels.dtype == "int32"
        numbers = images[:, 0, 0, 0]
        np.testing.assert_array_equal(images, IMAGES[numbers])
        np.testing.assert_array_equal(labels, LABELS[numbers])


def test_evaluation_keeps_the_order_and_does_not_augment():
    batches = pipeline(
        DATA,
        16,
        training=False,
        augment=lambda x: 0 * x,
        mix=keras.layers.MixUp(),
        num_classes=3,
    )
    np.testing.assert_array_equal(all_images(batches), IMAGES)
    np.testing.assert_array_equal(all_images(batches), IMAGES)


@pytest.mark.parametrize(
    ("drop", "sizes"), [(False, [16, 16, 16, 2]), (True, [16] * 3)]
)
def test_remainder_and_known_number_of_batches(drop, sizes):
    batches = pipeline(DATA, 16, drop_remainder=drop)
    assert int(batches.cardinality()) == len(sizes)
    assert [len(labels) for _, labels in batches] == sizes
    assert batches.element_spec[0].shape[0] == (16 if drop else None)


@pytest.mark.slow
def test_augmentation_depends_on_seed_epoch_and_batch_alone():
    def augmented(**arguments):
        layer = spa.data.RandomCropFlip(padding=2)  # its own seed does not matter
        return all_images(pipeline(DATA, 25, augment=[layer], **arguments))

    first = augmented()
    np.testing.assert_array_equal(augmented(), first)
    batches = pipeline(DATA, 25, augment=spa.data.RandomCropFlip(padding=2))
    np.testing.assert_array_equal(all_images(batches), first)
    assert (all_images(batches) != first).any()
    np.testing.assert_array_equal(
        augmented(first_epoch=1), all_images_of_second(batches)
    )
    assert (augmented(seed=1) != first).any()


def test_endless_stream_from_a_batch_on_is_the_rest_of_it():
    def batches(**arguments):
        augment = spa.data.RandomCropFlip(padding=2)
        stream = pipeline(DATA, 16, augment=augment, repeat=True, **arguments)
        return all_images(stream.take(6 - arguments["first_batch"]))

    whole = batches(first_epoch=1, first_batch=0)
    np.testing.assert_array_equal(batches(first_epoch=1, first_batch=2), whole[32:])


def all_images_of_second(_):
    batches = pipeline(DATA, 25, augment=spa.data.RandomCropFlip(padding=2))
    all_images(batches)
    return all_images(batches)


def test_batches_of_an_epoch_are_augmented_differently():
    same = np.repeat(IMAGES[:1], 32, axis=0), np.zeros(32, "int32")
    layer = spa.data.RandomCropFlip(padding=4)
    first, second = (images for images, _ in pipeline(same, 16, augment=layer))
    assert np.any(first.numpy() != second.numpy())


def test_layers_of_keras_and_functions_augment():
    layers = [keras.layers.RandomFlip("horizontal"), lambda images: images / 2]
    images = all_images(pipeline(DATA, 50, augment=layers))
    plain = IMAGES[epoch_order(LABELS, 0)] / 2
    flipped = np.all(images == plain[:, :, ::-1], axis=(1, 2, 3))
    assert np.all(flipped | np.all(images == plain, axis=(1, 2, 3)))
    assert 5 < flipped.sum() < 45


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_mixing_gives_soft_labels_of_sum_1(name):
    mix = getattr(keras.layers, name)(seed=1)
    batches = pipeline(DATA, 25, mix=mix, num_classes=3)
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    assert labels.shape == (50, 3)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert np.any((labels > 0.01) & (labels < 0.99))


def test_arrays_are_not_turned_into_floats_nor_copied_by_the_epoch():
    """The only tensor of the images' size is their own, in uint8."""
    spec = pipeline(DATA, 16).element_spec
    assert spec[0].dtype == tf.uint8
    tensor = tf.convert_to_tensor(IMAGES)
    assert tensor.dtype == tf.uint8


@pytest.mark.parametrize(
    ("policy", "expected"), [("data", "DATA"), ("off", "OFF"), ("file", "FILE")]
)
def test_sharding_option(policy, expected):
    options = pipeline(DATA, 16, auto_shard=policy).options()
    got = options.experimental_distribute.auto_shard_policy
    assert got == getattr(tf.data.experimental.AutoShardPolicy, expected)


def test_fit_on_any_backend():
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    augment = [spa.data.RandomCropFlip(), spa.data.AutoAugment(), spa.data.Cutout(4)]
    batches = pipeline(DATA, 16, augment=augment)
    history = model.fit(batches, epochs=2, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": (IMAGES, LABELS[:3])}, "50 images, 3 labels"),
        ({"batch_size": 0}, "`batch_size`.*0"),
        ({"seed": -1}, "`seed`"),
        ({"first_epoch": -1}, "`first_epoch`.*-1"),
        ({"first_batch": -1, "repeat": True}, "`first_batch`.*-1"),
        ({"first_batch": 1}, "`first_batch` needs `repeat=True`"),
        ({"sampling": "even"}, "`sampling`.*'even'"),
        ({"on_error": "ignore"}, "`on_error`.*'ignore'"),
        ({"auto_shard": "batch"}, "`auto_shard`.*'batch'"),
        ({"image_size": 0}, "`image_size`.*0"),
        ({"mix": keras.layers.MixUp()}, "`num_classes`.*at least 3.*None"),
        ({"augment": 3}, "`augment`.*3"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        pipeline(**{"data": DATA, "batch_size": 16, **arguments})


def test_a_column_of_labels_is_as_good():
    """As Keras' data sets give them: of shape (N, 1)."""
    column = IMAGES, LABELS[:, None]
    ((expected, labels), *_) = pipeline(DATA, 50)
    ((images, given), *_) = pipeline(column, 50)
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(given, labels)
    images, given = Batches(column, 50)[0]
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(given, labels)
    with pytest.raises(ValueError, match="Argument `labels` must be"):
        pipeline((IMAGES, np.eye(3)[LABELS]), 50)
