import colorsys

import keras
import numpy as np
import pytest
from data.augment import oracle
from keras import ops

from keras_spa.data.augment import RandomResizedCrop, SimAugment

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (64, 12, 12, 3)).astype("uint8")
SEED = (2, 5)
NOTHING = {
    "scale": (1.0, 1.0),
    "ratio": (1.0, 1.0),
    "jitter_probability": 0,
    "grayscale": 0,
    "blur": 0,
}
LUMA = np.array([0.299, 0.587, 0.114])


def augmented(images=IMAGES, size=None, **arguments):
    augment = SimAugment(size, **{**NOTHING, **arguments}).augment
    if keras.backend.backend() == "jax":  # one compilation, not one an operation
        import jax

        augment = jax.jit(augment)
    return ops.convert_to_numpy(augment(images, np.array(SEED)))


def mirrored(images=IMAGES):
    mirror = oracle.integers(SEED, len(images), 4, 2).astype(bool)
    return np.where(mirror[:, None, None, None], images[:, :, ::-1], images)


def factors(stream, strength):
    drawn = oracle.uniform(SEED, len(IMAGES), stream)
    return 1 - strength + 2 * strength * drawn[:, None, None, None]


def test_nothing_but_the_mirror_is_left_when_all_is_off():
    np.testing.assert_array_equal(augmented(), mirrored())


def test_crops_are_those_of_random_resized_crop():
    arguments = {"scale": (0.1, 0.5), "ratio": (0.5, 2)}
    crops = RandomResizedCrop((9, 8), **arguments).augment(IMAGES, SEED)
    result = augmented(size=(9, 8), **arguments)
    np.testing.assert_array_equal(result, mirrored(ops.convert_to_numpy(crops)))


def test_jitter_is_brightness_contrast_saturation_and_hue():
    strengths = {"brightness": 0.4, "contrast": 0.3, "saturation": 0.5, "hue": 0.1}
    result = augmented(jitter_probability=1, **strengths)
    x = np.clip(mirrored() * factors(10, 0.4), 0, 255)
    mean = (x @ LUMA).mean((1, 2))[:, None, None, None]
    x = np.clip(mean + factors(11, 0.3) * (x - mean), 0, 255)
    grey = (x @ LUMA)[..., None]
    x = np.clip(grey + factors(12, 0.5) * (x - grey), 0, 255)
    turns = 0.1 * (2 * oracle.uniform(SEED, len(IMAGES), 13) - 1)
    for image, turn in zip(x, turns, strict=True):
        for pixel in image.reshape(-1, 3):
            h, s, v = colorsys.rgb_to_hsv(*pixel / 255)
            pixel[:] = np.array(colorsys.hsv_to_rgb((h + turn) % 1, s, v)) * 255
    assert np.abs(result - x).max() < 0.51


@pytest.mark.parametrize(
    ("argument", "stream"), [("jitter_probability", 14), ("grayscale", 15)]
)
def test_each_happens_with_its_probability(argument, stream):
    result = augmented(**{argument: 0.5})
    changed = np.any(result != mirrored(), (1, 2, 3))
    np.testing.assert_array_equal(changed, oracle.uniform(SEED, 64, stream) < 0.5)


def test_grey_is_the_luma():
    result = augmented(grayscale=1)
    expected = (mirrored() @ LUMA)[..., None]
    assert np.abs(result - expected).max() < 0.51


def test_blur_is_the_gaussian_of_each_image():
    """SciPy is no dependency: the sum over neighbours is written out."""
    images = IMAGES[:4].repeat(4, 1).repeat(4, 2)  # 48 a side: two neighbours each way
    result = augmented(images.astype("float32"), blur=1)
    sigmas = 0.1 + 1.9 * oracle.uniform(SEED, 4, 16)
    for image, new, sigma in zip(mirrored(images), result, sigmas, strict=True):
        weights = np.exp(-0.5 * (np.arange(-2, 3) / sigma) ** 2)
        weights /= weights.sum()
        padded = np.pad(image.astype("float64"), ((2, 2), (2, 2), (0, 0)), "edge")
        rows = sum(w * padded[i : i + 48] for i, w in enumerate(weights))
        expected = sum(w * rows[:, i : i + 48] for i, w in enumerate(weights))
        np.testing.assert_allclose(new, expected, atol=1e-3)


def test_blur_is_for_images_of_64_pixels_by_default():
    for side, share in [(63, 0), (64, 0.5)]:
        images = RNG.integers(0, 256, (12, side, side, 3)).astype("uint8")
        changed = np.any(augmented(images, blur=None) != mirrored(images), (1, 2, 3))
        drawn = oracle.uniform(SEED, 12, 17) < share
        # σ of less than a third of a pixel rounds away.
        visible = 0.1 + 1.9 * oracle.uniform(SEED, 12, 16) > 0.4
        np.testing.assert_array_equal(changed[visible], drawn[visible])


def test_inference_resizes_and_keeps_colours():
    same = SimAugment()(IMAGES, training=False)
    np.testing.assert_array_equal(ops.convert_to_numpy(same), IMAGES)
    middle = RandomResizedCrop(8)(IMAGES, training=False)
    result = SimAugment(8)(IMAGES, training=False)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(result), ops.convert_to_numpy(middle)
    )


def test_symbolic_shapes():
    images = keras.Input((12, 10, 3), dtype="uint8")
    assert SimAugment()(images).shape == (None, 12, 10, 3)
    assert SimAugment((5, 6))(images).shape == (None, 5, 6, 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", 0),
        ("scale", (0, 1)),
        ("ratio", (2, 1)),
        ("brightness", -0.1),
        ("contrast", "much"),
        ("saturation", float("nan")),
        ("hue", 0.6),
        ("jitter_probability", 1.1),
        ("grayscale", -1),
        ("blur", 2),
    ],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received"):
        SimAugment(**{name: value})
