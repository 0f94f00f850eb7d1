import numpy as np
import pytest

from keras_spa.data import long_tail_counts, long_tail_indices

# (classes, images a class, imbalance factor, images in all) of the published subsets
CIFAR_LT = [
    (10, 5000, 200, 11203),
    (10, 5000, 100, 12406),
    (10, 5000, 50, 13996),
    (10, 5000, 10, 20431),
    (100, 500, 200, 9502),
    (100, 500, 100, 10847),
    (100, 500, 50, 12608),
    (100, 500, 10, 19573),
]


def shuffled_labels(num_classes, each):
    labels = np.repeat(np.arange(num_classes), each)
    return np.random.default_rng(1).permutation(labels)


@pytest.mark.parametrize(("classes", "most", "factor", "total"), CIFAR_LT)
def test_counts_of_the_published_subsets(classes, most, factor, total):
    counts = long_tail_counts(classes, most, factor)
    by_the_rule = [int(most * factor ** (-c / (classes - 1))) for c in range(classes)]
    assert counts.tolist() == by_the_rule
    assert counts.sum() == total
    assert counts[0] == most
    assert counts[-1] == int(most / factor)


@pytest.mark.parametrize("classes", [2, 3, 7, 11, 1000])
@pytest.mark.parametrize("factor", [1, 5, 10, 50, 7.5])
def test_the_rarest_class_has_the_most_frequent_over_the_factor(classes, factor):
    counts = long_tail_counts(classes, 1500, factor)
    assert (counts[0], counts[-1]) == (1500, 1500 / factor)
    assert np.all(np.diff(counts) <= 0)


@pytest.mark.parametrize("profile", ["exp", "step"])
def test_whole_numbers_are_not_rounded_down(profile):
    assert 49 * (1 / 49) < 1  # in floating point
    assert long_tail_counts(2, 49, 49, profile).tolist() == [49, 1]


def test_step_profile_has_two_levels():
    assert long_tail_counts(5, 100, 8, profile="step").tolist() == [
        100,
        100,
        12,
        12,
        12,
    ]


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_indices_follow_the_communitys_rule_index_for_index(seed):
    labels, counts = shuffled_labels(10, 60), long_tail_counts(10, 60, 20)
    expected = []
    state = np.random.get_state()
    np.random.seed(seed)
    for c in range(10):
        of_class = np.array([i for i, label in enumerate(labels) if label == c])
        np.random.shuffle(of_class)
        expected.extend(of_class[: counts[c]])
    np.random.set_state(state)
    assert long_tail_indices(labels, counts, seed).tolist() == expected


def test_seed_zero_is_the_default_and_the_global_state_is_left_alone():
    labels, counts = shuffled_labels(3, 20), [9, 5, 2]
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    default = long_tail_indices(labels, counts)
    assert np.random.rand() == expected
    np.testing.assert_array_equal(default, long_tail_indices(labels, counts, seed=0))
    assert not np.array_equal(default, long_tail_indices(labels, counts, seed=1))


def test_rarer_subsets_lie_within_the_more_frequent_ones():
    labels = shuffled_labels(10, 100)
    small = long_tail_indices(labels, long_tail_counts(10, 100, 50))
    large = long_tail_indices(labels, long_tail_counts(10, 100, 5))
    assert set(small) < set(large)


def test_file_order_keeps_the_first_of_each_class():
    labels = [1, 0, 2, 1, 1, 0, 2]
    indices = long_tail_indices(labels, [1, 2, 2], order="file")
    assert indices.tolist() == [1, 0, 3, 2, 6]
    assert long_tail_indices(labels, [0, 3, 0], order="file").tolist() == [0, 3, 4]


GOOD_COUNTS = {"num_classes": 10, "max_count": 100, "imbalance_factor": 10}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("num_classes", value) for value in (1, -5, 2.5, True, "10", None)),
        *(("max_count", value) for value in (0, -5, 2.5, True, "10", 9)),
        *(("imbalance_factor", value) for value in (0.5, -5, True, "10", None)),
        *(("imbalance_factor", float(value)) for value in ("nan", "inf")),
        ("profile", "linear"),
    ],
)
def test_bad_arguments_of_counts_are_named(name, value):
    with pytest.raises(
        ValueError, match=rf"Argument `{name}` must .*Received: {name}="
    ):
        long_tail_counts(**{**GOOD_COUNTS, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", [0, 1, 2]),
        ("labels", [0, 1, -1]),
        ("labels", [0.0, 1.0, 1.0]),
        ("labels", [[0, 1, 1]]),
        ("labels", ["a", "b", "c"]),
        ("counts", [1, -1]),
        ("counts", [1.0, 1.0]),
        ("counts", [[1, 1]]),
        ("counts", []),
        ("counts", 2),
        ("order", "random"),
    ],
)
def test_bad_arguments_of_indices_are_named(name, value):
    with pytest.raises(ValueError, match=rf"Argument `{name}` must .*Received"):
        long_tail_indices(**{"labels": [0, 1, 1], "counts": [1, 2], name: value})


def test_a_column_of_labels_is_as_good():
    """As Keras' data sets give them: of shape (N, 1)."""
    labels = np.array([0, 1, 0, 1, 0])
    for order in ("shuffle", "file"):
        expected = long_tail_indices(labels, [2, 1], order=order)
        column = long_tail_indices(labels[:, None], [2, 1], order=order)
        np.testing.assert_array_equal(column, expected)


def test_the_class_with_too_few_samples_is_told():
    with pytest.raises(ValueError, match="class 0: 3 wanted of 1"):
        long_tail_indices([0, 1, 1], [3, 2])
