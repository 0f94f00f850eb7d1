import keras
import numpy as np
import pytest
from data.augment import oracle
from keras import ops

from keras_spa.data.augment import (
    Cutout,
    ImageNetEval,
    ImageNetTrain,
    RandomCropFlip,
    RandomResizedCrop,
)

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 18, 23, 2)).astype("uint8")
SEEDS = [(0, 0), (3, 11)]


def augmented(layer, seed, images=IMAGES):
    return ops.convert_to_numpy(layer.augment(images, seed))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("padding", [0, 1, 4, 20])
def test_crop_and_flip_is_the_loop(seed, padding):
    result = augmented(RandomCropFlip(padding), seed)
    np.testing.assert_array_equal(result, oracle.crop_flip(IMAGES, seed, padding))


def test_without_flip_no_image_is_mirrored():
    result = augmented(RandomCropFlip(0, flip=False), (0, 0))
    np.testing.assert_array_equal(result, IMAGES)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "fill"), [(1, 0), (5, 9), (8, 128), (60, 0)])
def test_cutout_is_the_loop(seed, size, fill):
    result = augmented(Cutout(size, fill), seed)
    np.testing.assert_array_equal(result, oracle.cutout(IMAGES, seed, size, fill))


def test_cutout_is_centred_on_any_pixel():
    ones = np.ones((30_000, 3, 4, 1), "uint8")
    hits = np.sum(augmented(Cutout(1), (0, 2), ones) == 0, (0, 3))
    assert np.all(np.abs(hits - 2500) < 4 * np.sqrt(2500))


# The last two seldom or never fit in the image.
BOXES = [
    {},
    {"scale": (0.5, 0.6), "ratio": (1, 1)},
    {"scale": (0.7, 1.0), "ratio": (2, 3)},
    {"scale": (1.0, 1.0), "ratio": (0.2, 0.3)},
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("box", BOXES)
def test_resized_crop_is_the_loop(seed, box):
    size = 9, 26
    layer = RandomResizedCrop(size, **box)
    result = augmented(layer, seed)
    assert result.shape == (40, *size, 2)
    for i in range(0, 40, 13):
        top, left, h, w = oracle.box(seed, 40, i, 18, 23, layer.scale, layer.ratio)
        crop = IMAGES[i, top : top + h, left : left + w].astype("float64")
        expected = oracle.resize(crop, *size)
        # Half a level of rounding, and weights in 2048ths.
        assert np.abs(result[i] - expected).max() < 0.5 + 255 / 2048


def test_nearest_takes_the_pixel_below_the_centre():
    layer = RandomResizedCrop((7, 9), interpolation="nearest")
    result = augmented(layer, (1, 1))
    for i in range(40):
        top, left, h, w = oracle.box((1, 1), 40, i, 18, 23, layer.scale, layer.ratio)
        y = top + (2 * np.arange(7) + 1) * h // 14
        x = left + (2 * np.arange(9) + 1) * w // 18
        np.testing.assert_array_equal(result[i], IMAGES[i][np.ix_(y, x)])


def test_imagenet_crops_are_resized_crops_half_of_them_mirrored():
    crops = augmented(RandomResizedCrop(9), (0, 3))
    result = augmented(ImageNetTrain(9), (0, 3))
    mirrored = oracle.integers((0, 3), 40, 4, 2).astype(bool)
    assert 10 < mirrored.sum() < 30
    expected = np.where(mirrored[:, None, None, None], crops[:, :, ::-1], crops)
    np.testing.assert_array_equal(result, expected)


def test_areas_and_ratios_are_spread_as_asked():
    seed, n = (0, 0), 400
    drawn = np.array(
        [oracle.box(seed, n, i, 400, 400, (0.1, 0.5), (0.5, 2)) for i in range(n)]
    )
    area = drawn[:, 2] * drawn[:, 3] / 400**2
    log_ratio = np.log2(drawn[:, 3] / drawn[:, 2])
    assert 0.09 < area.min() < 0.15
    assert 0.45 < area.max() < 0.51
    assert abs(area.mean() - 0.3) < 0.03
    assert abs(log_ratio.mean()) < 0.15
    assert log_ratio.min() < -0.9
    assert log_ratio.max() > 0.9


@pytest.mark.parametrize("shape", [(40, 30), (30, 40), (32, 32), (20, 50), (8, 9)])
def test_evaluation_is_resize_then_centre_crop(shape):
    images = RNG.integers(0, 256, (2, *shape, 3)).astype("uint8")
    result = ops.convert_to_numpy(ImageNetEval(16, 20)(images))
    short = min(shape)
    height, width = (side * 20 // short for side in shape)
    resized = keras.ops.image.resize(
        images.astype("float32"), (height, width), data_format="channels_last"
    )
    top, left = (height - 16) // 2, (width - 16) // 2
    expected = ops.convert_to_numpy(resized)[:, top : top + 16, left : left + 16]
    assert np.abs(result - expected).max() < 0.5 + 255 / 2048


def test_inference_of_the_training_crops_is_the_middle():
    for layer, size, cover in [
        (RandomResizedCrop(14), 14, 14),
        (ImageNetTrain(14), 14, 16),
    ]:
        result = layer(IMAGES, training=False)
        expected = ImageNetEval(size, cover)(IMAGES)
        np.testing.assert_array_equal(
            ops.convert_to_numpy(result), ops.convert_to_numpy(expected)
        )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RandomCropFlip(-1), "padding"),
        (lambda: RandomCropFlip(flip=1), "flip"),
        (lambda: RandomCropFlip(seed=-1), "seed"),
        (lambda: RandomCropFlip(seed=2**31), "seed"),
        (lambda: Cutout(0), "size"),
        (lambda: Cutout(fill=256), "fill"),
        (lambda: RandomResizedCrop(0), "size"),
        (lambda: RandomResizedCrop((4, 2.5)), "size"),
        (lambda: RandomResizedCrop(4, scale=(0.5, 1.5)), "scale"),
        (lambda: RandomResizedCrop(4, scale=(0.5, 0.4)), "scale"),
        (lambda: RandomResizedCrop(4, ratio=(0, 1)), "ratio"),
        (lambda: RandomResizedCrop(4, ratio=1), "ratio"),
        (lambda: RandomResizedCrop(4, interpolation="area"), "interpolation"),
        (lambda: ImageNetEval(32, 31), "resize"),
    ],
)
def test_bad_arguments_are_named(make, name):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must be .*Received"):
        make()
