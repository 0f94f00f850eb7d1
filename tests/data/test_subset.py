import numpy as np
import pytest
from archives import archive, balanced, numbers
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts
from keras_spa.data.subset import Rule, draw


@settings(max_examples=150, deadline=None)
@given(
    pool=st.lists(st.integers(2, 40), min_size=2, max_size=7),
    factor=st.one_of(st.none(), st.floats(1, 10)),
    max_count=st.one_of(st.none(), st.integers(10, 40)),
    seed=st.integers(0, 5),
    order=st.sampled_from(["shuffle", "file"]),
    profile=st.sampled_from(["exp", "step"]),
    held_out=st.integers(1, 6),
)
def test_the_slice_is_balanced_disjoint_and_leaves_the_subset_alone(
    pool, factor, max_count, seed, order, profile, held_out
):
    labels = np.repeat(np.arange(len(pool)), pool)
    labels = np.random.default_rng(seed).permutation(labels)
    rule = Rule(factor, profile, max_count, seed, order, held_out)
    without = rule._replace(validation_per_class=0)
    try:
        train, validation, source = draw(labels, len(pool), rule)
    except ValueError as error:
        assert any(part in str(error) for part in ("must leave", "asks"))  # noqa: PT017
        return
    again = draw(labels, len(pool), rule)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(validation, again[1])
    assert np.bincount(labels[validation]).tolist() == [held_out] * len(pool)
    assert len({*train, *validation}) == len(train) + len(validation)
    community = draw(labels, len(pool), without)[0]
    assert set(train) <= set(community)
    if source == "unused":
        np.testing.assert_array_equal(train, community)
    else:
        assert source == "training"
        assert len(train) < len(community)
        if factor is not None:  # as many as there can be
            counts = np.bincount(labels[train])
            left = np.array(pool) - held_out
            rarer = counts[0] + 1 > left[0]
            more = long_tail_counts(len(pool), counts[0] + 1, factor, profile)
            assert rarer or np.any(more > left)


def test_a_slice_of_unused_images_does_not_change_training(tmp_path):
    labels = balanced(4, 30)
    name = archive(tmp_path, labels)
    data = load(name, 5, max_count=20, validation_per_class=10)
    assert data.validation_source == "unused"
    np.testing.assert_array_equal(
        data.train.images, load(name, 5, max_count=20).train.images
    )
    assert np.bincount(data.validation.labels).tolist() == [10] * 4
    np.testing.assert_array_equal(
        data.validation.labels, labels[numbers(data.validation.images)]
    )
    assert not {*numbers(data.train.images)} & {*numbers(data.validation.images)}


def test_a_slice_that_training_must_make_room_for(tmp_path):
    name = archive(tmp_path, balanced(4, 30))
    data = load(name, 5, validation_per_class=10)
    assert data.validation_source == "training"
    assert data.class_counts.tolist() == long_tail_counts(4, 20, 5).tolist()
    community = numbers(load(name, 5).train.images)
    assert {*numbers(data.train.images)} <= {*community}
    with pytest.raises(ValueError, match=r"class 0: 25 of 20 \(after 10 of each class"):
        load(name, 5, max_count=25, validation_per_class=10)


def test_a_slice_of_all_images_keeps_their_order(tmp_path):
    data = load(
        archive(tmp_path, [1, 0, 1, 0, 1, 0]), validation_per_class=1, order="file"
    )
    assert numbers(data.train.images).tolist() == [0, 1, 2, 3]
    assert numbers(data.validation.images).tolist() == [5, 4]
    assert data.validation_source == "training"


def test_a_slice_larger_than_a_class_is_told(tmp_path):
    name = archive(tmp_path, np.repeat([0, 1], [50, 8]))
    message = "validation_per_class=8; class 1 has 8"
    with pytest.raises(ValueError, match=message):
        load(name, validation_per_class=8)
    with pytest.raises(ValueError, match=r"class 0: 50 of 45 .*What fits: a smaller"):
        load(name, 48, validation_per_class=5)
