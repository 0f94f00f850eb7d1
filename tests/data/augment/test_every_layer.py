"""What all layers owe: one function on every backend, in `tf.data` and in models."""

import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_spa.data import augment

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype("uint8")
SEED = (3, 7)
BACKEND = keras.backend.backend()
LAYERS = {
    "AutoAugment": lambda: augment.AutoAugment(seed=1),
    "Cutout": lambda: augment.Cutout(6, seed=1),
    "ImageNetEval": lambda: augment.ImageNetEval(10, 12),
    "ImageNetTrain": lambda: augment.ImageNetTrain(10, seed=1),
    "RandAugment": lambda: augment.RandAugment(seed=1),
    "RandomCropFlip": lambda: augment.RandomCropFlip(seed=1),
    "RandomResizedCrop": lambda: augment.RandomResizedCrop(10, seed=1),
    "SimAugment": lambda: augment.SimAugment(10, blur=0.5, seed=1),
}
# CRC-32 of the result on `IMAGES` with `SEED`: on every backend to the bit.
CHECKSUMS = {
    "AutoAugment": 1905242201,
    "Cutout": 138503508,
    "ImageNetEval": 2746314503,
    "ImageNetTrain": 2566552003,
    "RandAugment": 2609955228,
    "RandomCropFlip": 1043351559,
    "RandomResizedCrop": 2362343,
}
# Its colours are computed in floating point: to one grey level.
SIM_AUGMENT_MEANS = [
    [133.4, 130.9, 125.6],
    [115.0, 108.3, 116.8],
    [136.5, 126.7, 127.3],
    [101.4, 136.6, 110.1],
    [169.6, 169.6, 169.6],
    [151.0, 151.0, 151.0],
]
RANDOM = sorted(set(LAYERS) - {"ImageNetEval"})
EVERY = pytest.mark.parametrize("name", LAYERS)
LARGE = ("AutoAugment", "RandAugment", "SimAugment")  # their graphs
EVERY_COMPILED = pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in LARGE)) for n in LAYERS],
)
EVERY_RANDOM = pytest.mark.parametrize("name", RANDOM)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


def augmented(layer, images=IMAGES, seed=SEED):
    return numpy(layer.augment(images, seed))


def assert_same(name, result, expected):
    """Equal, or to one grey level where colours are computed in floating point."""
    assert result.dtype == expected.dtype
    allowed = 1.001 if name == "SimAugment" else 0
    assert np.abs(np.float32(result) - np.float32(expected)).max() <= allowed


def test_no_layer_is_left_out():
    assert sorted(LAYERS) == augment.__all__


@pytest.mark.parametrize("name", CHECKSUMS)
def test_all_backends_agree_to_the_bit(name):
    assert zlib.crc32(augmented(LAYERS[name]()).tobytes()) == CHECKSUMS[name]


def test_all_backends_agree_on_sim_augment():
    result = augmented(LAYERS["SimAugment"]())
    np.testing.assert_allclose(result.mean((1, 2)), SIM_AUGMENT_MEANS, atol=0.2)


@EVERY_RANDOM
def test_seeds_differ_and_repeat(name):
    layer = LAYERS[name]()
    for seed in [(3, 8), (4, 7), (7, 3)]:
        assert np.any(augmented(layer, seed=seed) != augmented(layer))
    for seed in [np.array(SEED), np.array(SEED, "int32"), list(SEED)]:
        np.testing.assert_array_equal(augmented(layer, seed=seed), augmented(layer))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [*((name, "uint8") for name in LAYERS), ("RandomResizedCrop", "float32")],
)
def test_in_tf_data_it_is_the_same(name, dtype):
    layer, images = LAYERS[name](), IMAGES.astype(dtype)
    seed = tf.constant(SEED)
    data = tf.data.Dataset.from_tensor_slices(images).batch(6)  # (None, 16, 16, 3)
    data = data.map(lambda batch: layer.augment(batch, seed))
    assert data.element_spec.shape[1:] == augmented(layer).shape[1:]
    (result,) = data
    assert_same(name, result.numpy(), augmented(layer, images))


@pytest.mark.parametrize("name", ["Cutout", "ImageNetEval", "RandomCropFlip"])
def test_as_a_layer_in_tf_data_it_is_the_same_as_called(name):
    """Seeds are counted: the first batch of both is that of step 0."""
    data = tf.data.Dataset.from_tensors(IMAGES).repeat(2).map(LAYERS[name]())
    layer = LAYERS[name]()
    for batch in data:
        assert_same(name, batch.numpy(), numpy(layer(IMAGES)))


def compiled(function):
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    return tf.function(function, jit_compile=True)


@EVERY_COMPILED
def test_compiled_it_is_the_same(name):
    """On JAX by `jit`; on others by XLA in TensorFlow, as in `tf.data`."""
    layer = LAYERS[name]()
    make = np.asarray if BACKEND == "jax" else tf.constant
    result = compiled(layer.augment)(make(IMAGES), make(np.array(SEED, "int32")))
    assert_same(name, np.asarray(result), augmented(layer))


@EVERY
def test_bytes_stay_bytes_and_floats_become_float32(name):
    layer = LAYERS[name]()
    for training in (True, False):
        assert numpy(layer(IMAGES, training=training)).dtype == "uint8"
        for dtype in ("float16", "float32") if name == "Cutout" else ("float32",):
            result = layer(IMAGES.astype(dtype), training=training)
            assert numpy(result).dtype == "float32"
    # Values are grey levels in either: but for roundings, amplified by contrasts.
    difference = augmented(layer, IMAGES.astype("float32")) - augmented(layer)
    assert np.abs(difference).max() < 4


@EVERY
def test_symbolic_outputs_are_those_of_calls_in_mixed_precision(name):
    layer = LAYERS[name]()
    config = {**layer.get_config(), "dtype": "mixed_float16"}
    layer = type(layer).from_config(config)
    for dtype in ("uint8", "float32"):
        symbol = layer(keras.Input((16, 16, 3), dtype=dtype))
        result = numpy(layer(IMAGES.astype(dtype)))
        assert symbol.dtype == result.dtype == dtype
        assert symbol.shape[1:] == result.shape[1:]
        assert layer.compute_output_shape(IMAGES.shape) == result.shape


@pytest.mark.parametrize(
    "name", ["AutoAugment", "Cutout", "RandAugment", "RandomCropFlip"]
)
def test_in_inference_nothing_happens(name):
    result = LAYERS[name]()(IMAGES, training=False)
    np.testing.assert_array_equal(numpy(result), IMAGES)


@EVERY_RANDOM
def test_calls_count_the_steps_of_the_seed(name):
    layer = LAYERS[name]()
    for step in range(3):
        assert_same(name, numpy(layer(IMAGES)), augmented(layer, seed=(1, step)))
    assert list(numpy(layer.generator.state.value)) == [1, 3]


def model(layer):
    dense = keras.layers.Dense(2)
    rescale = keras.layers.Rescaling(1 / 255)
    flat = keras.layers.Flatten()
    built = keras.Sequential(
        [keras.Input((16, 16, 3), dtype="uint8"), layer, rescale, flat, dense]
    )
    built.compile("sgd", "mse")
    return built


@EVERY_COMPILED
def test_models_with_it_train_and_survive_saving(name, tmp_path):
    built = model(LAYERS[name]())
    built.fit(IMAGES, np.zeros((6, 2)), batch_size=6, epochs=2, verbose=0)
    layer = built.layers[0]
    expected = built.predict(IMAGES, verbose=0)
    if name in RANDOM:
        assert list(numpy(layer.generator.state.value)) == [1, 2]
    plain = np.float32(numpy(layer(IMAGES, training=False))) / 255
    kernel, bias = (numpy(weight) for weight in built.layers[-1].weights)
    by_hand = plain.reshape(6, -1) @ kernel + bias
    np.testing.assert_allclose(expected, by_hand, rtol=1e-3, atol=1e-3)
    built.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), expected)
    assert loaded.layers[0].get_config() == layer.get_config()
    if name in RANDOM:
        assert list(numpy(loaded.layers[0].generator.state.value)) == [1, 2]


BAD = {
    "one image": (IMAGES[0], "batch of images"),
    "five axes": (IMAGES[None], "batch of images"),
    "integers": (IMAGES.astype("int32"), "uint8 or float"),
}


@EVERY
@pytest.mark.parametrize("bad", BAD)
def test_bad_images_are_named(name, bad):
    images, message = BAD[bad]
    layer = LAYERS[name]()
    for use in (layer, lambda images: layer.augment(images, SEED)):
        with pytest.raises(ValueError, match=rf"`images` must be .*{message}.*Receiv"):
            use(images)
    with pytest.raises(ValueError, match=rf"`images` must be .*{message}.*Received"):
        layer(keras.Input(images.shape[1:], dtype=str(images.dtype)))
    data = tf.data.Dataset.from_tensors(images)
    with pytest.raises(ValueError, match=rf"`images` must be .*{message}.*Received"):
        data.map(layer)


@EVERY_RANDOM
@pytest.mark.parametrize("seed", [5, (1, 2, 3), (0.5, 1.0), np.zeros((1, 2), "int32")])
def test_bad_seeds_are_named(name, seed):
    with pytest.raises(ValueError, match=r"`seed` must be two integers.*Received"):
        augmented(LAYERS[name](), seed=seed)


def test_a_seed_is_drawn_unless_given():
    layers = [augment.RandomCropFlip() for _ in range(2)]
    one, other = (numpy(layer(IMAGES)) for layer in layers)
    assert np.any(one != other)
    assert layers[0].get_config()["seed"] is None


def test_mixed_precision_does_not_round_images():
    images = IMAGES.astype("float32") + 0.01  # float16 has eighths at 200
    layer = augment.RandomCropFlip(padding=0, flip=False, dtype="mixed_float16")
    np.testing.assert_array_equal(numpy(layer(images)), images)
