"""Classes by their training images, and the mean accuracy of each group."""

import functools

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from keras_spa.data import long_tail_counts
from keras_spa.metrics import ShotAccuracy, shot_groups, shot_means

COUNTS = [500, 101, 100, 20, 19, 1]  # two classes a group
means = functools.partial(shot_means, np.ones(6))


def test_groups_at_their_bounds():
    groups = shot_groups(COUNTS)
    assert {name: list(classes) for name, classes in groups.items()} == {
        "many": [0, 1],
        "medium": [2, 3],
        "few": [4, 5],
    }


def test_groups_of_other_thresholds():
    groups = shot_groups([5, 10, 11, 50], many=10, few=10)
    assert [list(classes) for classes in groups.values()] == [[2, 3], [1], [0]]


@pytest.mark.parametrize(
    ("classes", "largest", "sizes"), [(100, 500, [35, 35, 30]), (10, 5000, [8, 2, 0])]
)
def test_groups_of_the_cifar_benchmarks(classes, largest, sizes):
    groups = shot_groups(long_tail_counts(classes, largest, 100))
    assert [len(group) for group in groups.values()] == sizes


@hypothesis.given(
    st.lists(st.integers(1, 2000), min_size=2, max_size=30),
    st.integers(0, 500),
    st.integers(0, 500),
)
def test_each_class_is_in_one_group(counts, one, other):
    few, many = sorted((one, other))
    groups = shot_groups(counts, many, few)
    assert sorted(np.concatenate(list(groups.values()))) == list(range(len(counts)))


def loop_means(accuracies, counts, many, few):
    """The means, one class at a time."""
    values = {"many": [], "medium": [], "few": []}
    for accuracy, count in zip(accuracies, counts, strict=True):
        group = "many" if count > many else "few" if count < few else "medium"
        if accuracy == accuracy:
            values[group].append(accuracy)
    return {name: sum(v) / len(v) if v else np.nan for name, v in values.items()}


ACCURACIES = st.one_of(st.just(np.nan), st.floats(0, 100))


@hypothesis.given(
    st.lists(st.tuples(ACCURACIES, st.integers(1, 300)), min_size=2, max_size=20),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_means_are_those_of_a_loop(classes, one, other):
    accuracies, counts = zip(*classes, strict=True)
    few, many = sorted((one, other))
    result = shot_means(accuracies, counts, many, few)
    assert list(result) == ["many", "medium", "few"]
    assert all(type(mean) is float for mean in result.values())
    expected = loop_means(accuracies, counts, many, few)
    assert result == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("accuracies", "counts", "expected"),
    [
        ([0.9, 0.5, 0.3, 0.1, 0.2, 0.0], COUNTS, [0.7, 0.2, 0.1]),
        ([0.9, np.nan, np.nan, np.nan, 0.2, 0.0], COUNTS, [0.9, np.nan, 0.1]),
        ([0.9, 0.5], [500, 5], [0.9, np.nan, 0.5]),
        ([90, 50], [50, 30], [np.nan, 70, np.nan]),
        (np.full(2, np.nan), [500, 5], [np.nan] * 3),
    ],
    ids=["all groups", "classes without images", "no medium", "percent", "nothing"],
)
def test_groups_without_images_are_nan(accuracies, counts, expected):
    result = list(shot_means(accuracies, counts).values())
    assert result == pytest.approx(expected, nan_ok=True)


def test_means_agree_with_the_metric():
    random = np.random.default_rng(0)
    labels, logits = np.arange(60) % 5, random.normal(size=(60, 6))  # none of class 5
    metric = ShotAccuracy(COUNTS)
    metric.update_state(labels, logits)
    expected = {name: float(value) for name, value in metric.result().items()}
    for name, mean in metric_means(metric).items():
        assert mean == pytest.approx(expected[f"shot_accuracy_{name}"])


def metric_means(metric):
    per_class = [float(accuracy) for accuracy in metric.per_class()]
    return shot_means(per_class, metric.class_counts)


@pytest.mark.parametrize("accuracies", [[0.5], np.ones(7), np.ones((6, 1)), 0.5])
def test_accuracies_of_other_classes_are_named(accuracies):
    with pytest.raises(ValueError, match=r"`accuracy_per_class` .*6 class.*Received"):
        shot_means(accuracies, COUNTS)


@pytest.mark.parametrize("function", [shot_groups, ShotAccuracy, means])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_counts": [5, 0, 3]}, "class_counts.*positive.*{1: 0}"),
        ({"class_counts": [5, -2]}, "class_counts.*positive.*{1: -2}"),
        ({"class_counts": [5, float("nan")]}, "class_counts.*finite"),
        ({"class_counts": [5]}, "class_counts.*at least 2"),
        ({"class_counts": 10}, "class_counts.*Received: class_counts=10"),
        ({"many": 10}, "`few` must be at most `many`. Received: few=20, many=10"),
        ({"few": -1}, "`few` must be .* Received: few=-1"),
        ({"many": float("inf")}, "`many` must be a finite .* Received: many=inf"),
        ({"many": "100"}, "`many` must be .* Received: many='100'"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**{"class_counts": COUNTS, **arguments})
