import numpy as np
import pytest
from data.augment import oracle
from keras import ops

from keras_spa.data.augment import RandAugment
from keras_spa.data.augment.base import functions

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (3, 24, 29, 3))
Y, X = np.mgrid[:24, :29]
SMOOTH = np.stack([100 + 5 * X, 200 - 3 * Y, 40 + X + 2 * Y], -1).clip(0, 255)
IMAGES = np.stack([*NOISE, SMOOTH, NOISE[0] // 9 + 3] * 16).astype("uint8")
OPERATIONS = 14


def augmented(layer, images=IMAGES, seed=(0, 0)):
    return ops.convert_to_numpy(layer.augment(images, seed))


@pytest.mark.parametrize(
    ("num_ops", "magnitude", "probability"),
    [(1, 0, 1.0), (1, 4, 1.0), (1, 10, 1.0), (2, 9, 1.0), (2, 10, 0.5), (3, 2.5, 0.9)],
)
def test_it_is_that_of_pillow(num_ops, magnitude, probability):
    layer, seed = RandAugment(num_ops, magnitude, probability), (3, num_ops)
    expected, names = oracle.rand_augment(IMAGES, seed, num_ops, magnitude, probability)
    assert set(names.ravel()) == set(oracle.RANDOM)
    difference = np.abs(augmented(layer, seed=seed) - expected.astype(int))
    # Pillow's 255.0 · (v − low) / span of AutoContrast may fall one short of v, which
    # operations after it may amplify.
    unequal = np.any(difference > 0, (1, 2, 3))
    assert np.all(np.any(names == "AutoContrast", 1)[unequal])
    assert np.mean(difference > 0) < 0.003


def test_without_magnitude_only_what_has_none_does_anything():
    _, names = oracle.rand_augment(IMAGES, (3, 1), 1, 0)
    same = ~np.isin(names[:, 0], ["AutoContrast", "Equalize"])
    result = augmented(RandAugment(1, 0), seed=(3, 1))
    np.testing.assert_array_equal(result[same], IMAGES[same])
    assert np.any(result != IMAGES)


def test_with_probability_zero_nothing_happens():
    np.testing.assert_array_equal(augmented(RandAugment(3, 10, 0)), IMAGES)


@pytest.mark.parametrize("place", [0, 1])
def test_operations_and_signs_are_equally_likely(place):
    xp, batch = functions(None), 50_000
    seed = xp.convert_to_tensor(np.array([8, 9], "int32"))
    layer = RandAugment(probability=0.5)
    rows = ops.convert_to_numpy(layer._rows(xp, seed, batch, place))
    assert abs(np.sum(rows < 28) - batch / 2) < 4 * np.sqrt(batch / 4)
    counts, expected = np.bincount(rows)[:28], batch / 56
    assert np.all(np.abs(counts - expected) < 4 * np.sqrt(expected))
    other = ops.convert_to_numpy(layer._rows(xp, seed, batch, place + 1))
    both = np.bincount((rows + 28 * other)[(rows < 28) & (other < 28)], minlength=784)
    assert abs(both.sum() - batch / 4) < 4 * np.sqrt(batch * 3 / 16)  # independent
    assert np.all(both < batch / 3136 + 7 * np.sqrt(batch / 3136))


def test_floats_are_whole_grey_levels():
    layer = RandAugment(3, 8)
    expected = augmented(layer, seed=(2, 2))
    close = IMAGES + RNG.uniform(-0.4, 0.4, IMAGES.shape)
    result = augmented(layer, close.astype("float32"), (2, 2))
    assert result.dtype == "float32"
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_ops": 0}, "`num_ops` must be an integer of at least 1"),
        ({"num_ops": 1.5}, "`num_ops` must be an integer of at least 1"),
        ({"magnitude": 11}, "`magnitude` must be .*10"),
        ({"magnitude": -1}, "`magnitude` must be .*10"),
        ({"probability": 1.1}, "`probability` must be .*1"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"Argument {message}.*Received"):
        RandAugment(**arguments)


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"`images` must have 3 channels.*Received"):
        RandAugment()(IMAGES[..., :1])
