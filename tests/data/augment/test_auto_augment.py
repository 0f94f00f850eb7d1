import keras
import numpy as np
import pytest
import tensorflow as tf
from data.augment import oracle
from keras import ops
from PIL import Image

from keras_spa.data.augment import AutoAugment, policies
from keras_spa.data.augment.base import functions

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 24, 29
Y, X = np.mgrid[:HEIGHT, :WIDTH]
NOISE = RNG.integers(0, 256, (2, HEIGHT, WIDTH, 3))
SMOOTH = [100 + 5 * X, 200 - 3 * Y, 40 + X + 2 * Y]  # narrow ranges, to be stretched
FLAT = np.full((HEIGHT, WIDTH, 3), 77)
DARK = NOISE[0] // 9 + 3
IMAGES = np.stack([*NOISE, np.stack(SMOOTH, -1).clip(0, 255), FLAT, DARK])
IMAGES = IMAGES.astype("uint8")

GEOMETRIC = ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"]
BLENDS = ["Brightness", "Contrast", "Color", "Sharpness"]
TABLES = ["Invert", "Posterize", "Solarize", "AutoContrast", "Equalize"]


@pytest.fixture
def policy(monkeypatch):
    """Lets `AutoAugment` have one sub-policy, which always happens."""

    def set_to(*operations):
        always = tuple((name, 1.0, magnitude) for name, magnitude in operations)
        monkeypatch.setitem(policies.POLICIES, "cifar10", (always,))

    return set_to


def augmented(images, seed=(0, 0)):
    return ops.convert_to_numpy(AutoAugment().augment(images, seed))


def pillow_results(signs, *operations):
    """Each image by the operations, their signs row by row."""
    done = []
    for array, both in zip(IMAGES, signs, strict=True):
        image = Image.fromarray(array)
        for (name, magnitude), sign in zip(operations, both, strict=True):
            image = oracle.operate(image, name, magnitude, sign)
        done.append(np.array(image))
    return np.stack(done)


def drawn_signs(seed):
    batch = len(IMAGES)
    return np.stack([1 - 2 * oracle.integers(seed, batch, s, 2) for s in (2, 4)], -1)


# JAX compiles every operation anew; that it agrees to the bit is tested elsewhere.
MAGNITUDES = [0, 3, 9]
if keras.backend.backend() != "jax":
    others = sorted(set(range(10)) - set(MAGNITUDES))
    MAGNITUDES += [pytest.param(one, marks=pytest.mark.slow) for one in others]


@pytest.mark.parametrize("magnitude", MAGNITUDES)
@pytest.mark.parametrize("name", GEOMETRIC + BLENDS + TABLES)
def test_an_operation_is_that_of_pillow(policy, name, magnitude):
    operations = (name, magnitude), ("Identity", 0)
    policy(*operations)
    seed = (1, 4 + magnitude % 2)
    signs = drawn_signs(seed)
    assert set(signs[:, 0]) == {1, -1}
    expected = pillow_results(signs[:, :1], operations[0]).astype(int)
    difference = np.abs(augmented(IMAGES, seed) - expected)
    if name == "AutoContrast":  # Pillow's 255.0 · (v − low) / span may fall short of v
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 0.005
    else:
        assert difference.max() == 0


PAIRS = [
    (("ShearX", 6), ("TranslateY", 9)),
    (("TranslateY", 9), ("TranslateY", 7)),  # there and back: what left is lost
    (("Rotate", 9), ("ShearY", 8)),
    (("Color", 3), ("Brightness", 7)),
    (("Solarize", 5), ("Equalize", 0)),
    (("Color", 7), ("TranslateX", 8)),
    (("TranslateY", 3), ("Sharpness", 6)),  # sharpened at the edge of the fill
    (("Rotate", 7), ("Equalize", 0)),
]


@pytest.mark.parametrize("operations", PAIRS)
def test_two_operations_are_done_in_their_order(policy, operations):
    policy(*operations)
    for seed in [(0, 1), (0, 2)]:
        expected = pillow_results(drawn_signs(seed), *operations)
        np.testing.assert_array_equal(augmented(IMAGES, seed), expected)


@pytest.mark.parametrize("seed", [(0, 0), (5, 6)])
def test_the_whole_policy_is_that_of_pillow(seed):
    images = np.concatenate([IMAGES] * 20)
    expected = oracle.auto_augment(images, seed, policies.CIFAR10)
    difference = np.abs(augmented(images, seed) - expected.astype(int))
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.001
    unequal = np.any(difference > 0, (1, 2, 3))
    rows = oracle.integers(seed, len(images), 0, 25)
    has_auto_contrast = [
        any(name == "AutoContrast" for name, _, _ in pair) for pair in policies.CIFAR10
    ]
    assert np.all(np.array(has_auto_contrast)[rows[unequal]])


def test_all_images_at_once_are_those_of_groups(monkeypatch):
    """Only TensorFlow makes groups, outside of what XLA compiles."""
    expected = augmented(np.concatenate([IMAGES] * 20), (7, 8))
    compiled = "keras_spa.data.augment._lookup.is_compiled_by_xla"
    monkeypatch.setattr(compiled, lambda: True)
    result = augmented(np.concatenate([IMAGES] * 20), (7, 8))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("place", ["eager", "tf.data"])
def test_groups_may_be_empty_or_everything(policy, place):
    for name in ("Equalize", "Color", "Sharpness", "Rotate"):
        policy((name, 9), ("Identity", 0))
        layer = AutoAugment()
        if place == "eager":
            result = augmented(IMAGES, (0, 1))
        else:
            data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(len(IMAGES))
            (result,) = data.map(lambda x, f=layer.augment: f(x, (0, 1)))
        expected = pillow_results(drawn_signs((0, 1))[:, :1], (name, 9))
        np.testing.assert_array_equal(result, expected)


@pytest.mark.once
@pytest.mark.slow
def test_xla_compiles_batches_of_any_size():
    for batch in (1, 128):
        images = np.resize(IMAGES, (batch, 32, 32, 3))
        xla = tf.function(AutoAugment().augment, jit_compile=True)
        result = xla(tf.constant(images), tf.constant((1, 2)))
        np.testing.assert_array_equal(result, augmented(images, (1, 2)))


def test_every_sum_of_neighbours_is_smoothed_as_by_pillow(policy):
    policy(("Sharpness", 9), ("Brightness", 0))
    levels, rest = np.divmod(
        np.arange(13 * 255), 13
    )  # a middle pixel counts five times
    raised = np.arange(9) < (rest - 5 * (rest >= 5))[:, None]
    raised[:, 8] = rest >= 5
    images = np.roll(levels[:, None] + raised, 5, 1).reshape(-1, 3, 3, 1)
    images = np.repeat(images, 3, -1).astype("uint8")
    signs = 1 - 2 * oracle.integers((0, 3), len(images), 2, 2)
    expected = [
        np.array(oracle.operate(Image.fromarray(image), "Sharpness", 9, sign))
        for image, sign in zip(images, signs, strict=True)
    ]
    np.testing.assert_array_equal(augmented(images, (0, 3)), expected)


def test_the_policy_is_the_published_one():
    assert len(policies.CIFAR10) == 25
    flat = [operation for pair in policies.CIFAR10 for operation in pair]
    assert flat[0] == ("Invert", 0.1, 7)
    assert flat[21] == ("TranslateX", 0.5, 8)
    assert flat[-1] == ("AutoContrast", 0.9, 1)
    assert round(sum(probability for _, probability, _ in flat), 6) == 26.5
    counts = {name: sum(n == name for n, _, _ in flat) for name, _, _ in flat}
    assert counts["Equalize"] == 9
    assert counts["AutoContrast"] == 7
    assert counts["TranslateY"] == 5


def test_sub_policies_operations_and_signs_have_their_frequencies():
    xp, batch = functions(None), 50_000
    policy = policies.CIFAR10
    seed = xp.convert_to_tensor(np.array([8, 9], "int32"))
    rows = AutoAugment._rows(xp, seed, batch, policy)
    first, second = (ops.convert_to_numpy(row) for row in rows)
    chosen = oracle.integers((8, 9), batch, 0, 25)
    assert np.all(np.abs(np.bincount(chosen) - batch / 25) < 4 * np.sqrt(batch / 25))
    for k, pair in enumerate(policy):
        for stage, rows in enumerate((first, second)):
            rows = rows[chosen == k]
            happened = rows[rows != 100]
            assert set(happened - (4 * k + 2 * stage)) <= {0, 1}
            p, n = pair[stage][1], len(rows)
            assert abs(len(happened) - n * p) <= 4 * np.sqrt(n * p * (1 - p))
            negative = np.sum(happened % 2)
            assert abs(2 * negative - len(happened)) <= 4 * np.sqrt(len(happened))
        both = np.mean((first != 100)[chosen == k] & (second != 100)[chosen == k])
        assert abs(both - pair[0][1] * pair[1][1]) < 0.05  # independent


def test_floats_are_whole_grey_levels():
    expected = augmented(IMAGES, (2, 2))
    close = IMAGES + RNG.uniform(-0.4, 0.4, IMAGES.shape)
    result = augmented(close.astype("float32"), (2, 2))
    assert result.dtype == "float32"
    np.testing.assert_array_equal(result, expected)


def test_tiny_images_pass():
    shape = (5, 2, HEIGHT, 3)
    images = RNG.integers(0, 256, shape).astype("uint8")
    expected = oracle.auto_augment(images, (0, 4), policies.CIFAR10)
    difference = augmented(images, (0, 4)) - expected.astype(int)
    assert np.abs(difference).max() <= 1  # AutoContrast, as above


@pytest.mark.parametrize("policy", ["cifar", None, 10])
def test_bad_policies_are_named(policy):
    with pytest.raises(ValueError, match=r"`policy` must be .*Received"):
        AutoAugment(policy=policy)


def test_grey_images_are_refused():
    with pytest.raises(ValueError, match=r"`images` must have 3 channels.*Received"):
        AutoAugment()(IMAGES[..., :1])
