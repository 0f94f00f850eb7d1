import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_spa.data import epoch_order

TAIL = np.repeat(np.arange(3), [80, 16, 4])


def test_instance_order_holds_each_sample_once_and_changes_with_epoch_and_seed():
    orders = [epoch_order(TAIL, *when) for when in [(0, 0), (1, 0), (0, 1)]]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
    assert len({tuple(order) for order in orders}) == 3


def test_order_never_changes_between_versions_and_machines():
    """NumPy guarantees the stream of RandomState; the figures are a promise."""
    labels = np.array([0, 0, 0, 0, 1, 1, 2])
    assert epoch_order(labels, 2, seed=7).tolist() == [5, 1, 6, 4, 2, 0, 3]
    assert epoch_order(labels, 2, seed=7, sampling="reverse").tolist() == [
        6,
        4,
        5,
        6,
        4,
        5,
        2,
    ]


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [("class_balanced", [1 / 3, 1 / 3, 1 / 3]), ("reverse", [1 / 26, 5 / 26, 20 / 26])],
)
def test_classes_come_with_the_probabilities_of_the_sampling(sampling, shares):
    drawn = np.concatenate(
        [TAIL[epoch_order(TAIL, epoch, sampling=sampling)] for epoch in range(300)]
    )
    np.testing.assert_allclose(np.bincount(drawn) / 30000, shares, atol=0.01)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=60),
    st.integers(0, 1000),
    st.sampled_from(["class_balanced", "reverse"]),
)
def test_samples_of_a_class_come_equally_often(labels, epoch, sampling):
    labels = np.array(labels)
    order = epoch_order(labels, epoch, sampling=sampling)
    assert len(order) == len(labels)
    times = np.bincount(order, minlength=len(labels))
    for c in np.unique(labels):
        assert np.ptp(times[labels == c]) <= 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"labels": [0, -1]}, "`labels` must be a list of integers from 0"),
        ({"labels": [0.5]}, "`labels`.*float64"),
        ({"epoch": -1}, "`epoch`.*-1"),
        ({"seed": -1}, "`seed`.*-1"),
        ({"stream": -1}, "`stream`.*-1"),
        ({"sampling": -0.5}, "`sampling`.*-0.5"),
        ({"sampling": "balanced"}, "`sampling`.*class_balanced.*'balanced'"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        epoch_order(**{"labels": [0, 1], "epoch": 0, **arguments})


@pytest.mark.parametrize(
    ("power", "shares"),
    [(0, [0.8, 0.16, 0.04]), (0.5, [0.598, 0.268, 0.134]), (1.0, [1 / 3] * 3)],
)
def test_a_number_is_the_power_of_rareness(power, shares):
    drawn = np.concatenate(
        [TAIL[epoch_order(TAIL, epoch, sampling=power)] for epoch in range(300)]
    )
    np.testing.assert_allclose(np.bincount(drawn) / 30000, shares, atol=0.01)


def test_streams_are_independent_of_one_another():
    orders = {tuple(epoch_order(TAIL, 1, 2, stream=stream)) for stream in (0, 1, 2)}
    assert len(orders) == 3
    assert tuple(epoch_order(TAIL, 1, 2)) in orders


def test_a_large_power_leaves_the_rarest_class():
    order = epoch_order(np.repeat([0, 1, 2], [90, 30, 10]), 0, sampling=500.0)
    assert {*order.tolist()} == {*range(120, 130)}
