"""The digits that come with the package."""

import numpy as np
import pytest

import keras_spa as spa


def test_the_splits_are_the_same_whatever_is_drawn():
    pool = spa.data.load("digits")
    drawn = spa.data.load("digits", imbalance_factor=50, max_count=100, seed=1)
    assert pool.validation_source == drawn.validation_source == "official"
    for name, each in (("validation", 20), ("test", 50)):
        one, other = getattr(pool, name), getattr(drawn, name)
        assert np.bincount(one.labels).tolist() == [each] * 10
        np.testing.assert_array_equal(one.images, other.images)
    assert pool.train.images.shape == (1097, 8, 8, 1)
    assert (pool.train.images.dtype, pool.train.images.max()) == (np.uint8, 16)
    counts = spa.data.long_tail_counts(10, 100, 50)
    assert drawn.class_counts.tolist() == counts.tolist()


def test_no_image_is_in_two_splits():
    pool = spa.data.load("digits")
    images = np.concatenate([s.images for s in pool.splits().values()]).reshape(-1, 64)
    assert len(images) == len(np.unique(images, axis=0)) == 1797


def test_there_are_validation_images_already():
    with pytest.raises(ValueError, match="`validation_per_class` must be 0 for a data"):
        spa.data.load("digits", validation_per_class=3)
