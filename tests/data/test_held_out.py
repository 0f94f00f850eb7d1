"""A share of each class is held out: at least one image, at most half of the class."""

import numpy as np
import pytest
from archives import archive, numbered, numbers

from keras_spa.data.load import load

COUNTS = [900, 300, 104, 20, 4, 3, 2, 1]


@pytest.fixture
def name(tmp_path):
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
    return archive(tmp_path, labels, x_train=numbered(len(labels)))


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.1, [50, 30, 10, 2, 1, 1, 1, 0]),
        (0.5, [50, 50, 50, 10, 2, 1, 1, 0]),
        (0.001, [1, 1, 1, 1, 1, 1, 1, 0]),
    ],
)
def test_how_many_are_held_out(name, share, expected):
    data = load(name, held_out=share)
    held_out = np.bincount(data.validation.labels, minlength=len(COUNTS))
    assert held_out.tolist() == expected
    assert data.class_counts.tolist() == np.subtract(COUNTS, expected).tolist()
    assert data.validation_source == "training"
    together = [*numbers(data.train.images), *numbers(data.validation.images)]
    assert sorted(together) == list(range(sum(COUNTS)))


def test_the_draw_is_of_the_seed_and_the_order_stays(name):
    one, same, other = (load(name, held_out=0.1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.validation.images, same.validation.images)
    assert np.any(one.validation.images != other.validation.images)
    assert (np.diff(numbers(one.train.images)) > 0).all()


def test_a_subset_leaves_a_share_over(name):
    data = load(name, 2, max_count=2, held_out=0.5, profile="step")
    assert data.class_counts.tolist() == [2, 2, 2, 2, 1, 1, 1, 1]
    assert data.validation_source == "unused"


def test_refusals(name, tmp_path):
    for share in (-0.1, 0.6, "1"):
        with pytest.raises(ValueError, match="Argument `held_out` must be a finite"):
            load(name, held_out=share)
    with pytest.raises(ValueError, match="`held_out` must be 0 with `validation_per"):
        load(name, held_out=0.1, validation_per_class=1)
    labels = np.array([0, 0, 1, 1])
    official = archive(tmp_path, labels, x_val=numbered(4), y_val=labels)
    with pytest.raises(ValueError, match="`held_out` must be 0 for a data set with a"):
        load(official, held_out=0.1)
