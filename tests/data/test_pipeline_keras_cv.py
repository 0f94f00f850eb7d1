"""keras-cv's RandAugment in `pipeline`, whatever backend Keras computes with."""

import keras
import numpy as np
import pytest

from keras_spa.data import pipeline

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 8, 8, 3)).repeat(4, 1).repeat(4, 2).astype("uint8")
DATA = IMAGES[np.arange(48) % 6], np.arange(48) % 6


@pytest.fixture(scope="module")
def keras_cv():
    return pytest.importorskip("keras_cv")  # takes seconds: for one worker, not all


def augmented(keras_cv, seed=7, **arguments):
    keras.utils.set_random_seed(seed)
    layer = keras_cv.layers.RandAugment((0, 255), **arguments)
    batches = pipeline(DATA, 16, augment=[layer])
    return np.concatenate([images for images, _ in batches.as_numpy_iterator()])


def test_it_augments_uint8_batches_on_the_host(keras_cv):
    images = augmented(keras_cv, magnitude=0.5)
    assert images.shape == (48, 32, 32, 3)
    assert images.dtype == "float32"
    assert -1e-3 <= images.min() < images.max() <= 255.001  # its rounding
    changed = np.any(images != augmented(keras_cv, rate=0), axis=(1, 2, 3))
    assert 0.5 < changed.mean() <= 1


def test_at_rate_zero_images_are_as_they_were(keras_cv):
    images = augmented(keras_cv, rate=0)
    numbers = {image.tobytes(): i for i, image in enumerate(IMAGES)}
    drawn = [numbers[image.astype("uint8").tobytes()] for image in images]
    assert sorted(drawn) == sorted(DATA[1])
