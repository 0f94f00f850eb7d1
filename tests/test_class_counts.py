"""Counts by class as Python and pandas have them, in the order of the classes."""

import collections
import re

import keras
import numpy as np
import pytest

import keras_spa as spa

COUNTS = [90, 3, 40]


class Series:
    """What pandas' `value_counts` gives, most frequent class first."""

    def __init__(self, values, index):
        self.values, self.index = list(values), list(index)

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def to_dict(self):
        return dict(zip(self.index, self.values, strict=True))


def series(values, index):
    """Of pandas, where it is installed."""
    try:
        import pandas
    except ImportError:
        return Series(values, index)
    return pandas.Series(values, index=index)


LABELS = np.repeat([2, 0, 1], [40, 90, 3])
KINDS = {
    "array": np.array(COUNTS),
    "dict": {2: 40, 0: 90, 1: 3},
    "Counter": collections.Counter(LABELS.tolist()),
    "Counter of NumPy": collections.Counter(LABELS),
    "Series": series([90, 40, 3], [0, 2, 1]),
    "stand-in of Series": Series([90, 40, 3], [0, 2, 1]),
}
X, Y = np.random.RandomState(0).randn(30, 4).astype("float32"), np.arange(30) % 3
MODEL = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
PLAIN = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def monitored(counts):
    monitor = spa.callbacks.CollapseMonitor((X, Y), class_counts=counts)
    monitor.set_params({"epochs": 1})
    monitor.set_model(MODEL)
    monitor.on_train_begin()
    monitor.on_epoch_end(0)
    return monitor.reports[0]


def glmc(counts):
    head = keras.layers.Dense(3)
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    return spa.models.GLMC(backbone, head, class_counts=counts, epochs=1)


TAKING = {
    "BalancedSoftmax": lambda n: spa.losses.BalancedSoftmax(n).class_counts,
    "LogitAdjusted": lambda n: spa.losses.LogitAdjusted(n).class_counts,
    "LDAM": lambda n: spa.losses.LDAM(n).class_counts,
    "log_prior": lambda n: spa.losses.log_prior(n).tolist(),
    "adjust_logits": lambda n: np.asarray(spa.losses.adjust_logits(X[:, :3], n)),
    "ClassBalanced": lambda n: spa.losses.ClassBalanced(PLAIN, n).class_counts,
    "ShotAccuracy": lambda n: spa.metrics.ShotAccuracy(n).class_counts,
    "shot_means": lambda n: spa.metrics.shot_means([0.9, 0.1, 0.5], n),
    "shot_groups": lambda n: str(spa.metrics.shot_groups(n)),
    "NeuralCollapse": lambda n: spa.metrics.NeuralCollapse(3, n).class_counts,
    "Deferred": lambda n: spa.callbacks.DeferredReweighting(1, n).class_counts,
    "CollapseMonitor": lambda n: monitored(n).class_counts,
    "GLMC": lambda n: glmc(n).class_weights,
    "ModelCard": lambda n: spa.ModelCard(list("abc"), n).class_counts,
    "diagnose": lambda n: spa.diagnose(MODEL, (X, Y), n, verbose=0).class_counts,
    "align": lambda n: spa.choose_alignment(MODEL, (X, Y), class_counts=n, verbose=0),
    "indices": lambda n: spa.data.long_tail_indices(LABELS, n).tolist(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TAKING)
def test_counts_of_every_kind_are_those_of_the_classes(name, kind):
    np.testing.assert_equal(TAKING[name](KINDS[kind]), TAKING[name](COUNTS))


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({1: 5, 2: 6, 3: 7}, "dict of 3 counts with the keys 1, 2, 3"),
        ({"cat": 5, "dog": 6}, "with the keys 'cat', 'dog'"),
        ({0: 5, 2: 6}, "with the keys 0, 2"),
        ({False: 5, True: 6}, "with the keys False, True"),
        (collections.Counter([0, 0, 2]), "Counter of 2 counts with the keys 0, 2"),
        (Series([5, 6], [1, 2]), "Series of 2 counts with the keys 1, 2"),
        (Series([5, 6, 7], [0, 1, 1]), "Series of 3 counts with the keys 0, 1"),
        (Series(range(1, 20), range(1, 20)), "8, 9, 10, …"),
    ],
)
def test_other_keys_are_refused(counts, said):
    for call in (spa.losses.BalancedSoftmax, spa.losses.log_prior):
        with pytest.raises(
            ValueError, match="`class_counts` must have the keys 0"
        ) as e:
            call(counts)
        assert re.search(re.escape(said), str(e.value))
    with pytest.raises(ValueError, match="`counts` must have the keys 0"):
        spa.data.long_tail_indices(LABELS, counts)


def test_values_are_checked_as_those_of_a_list():
    for values in ({0: 5, 1: 0}, {0: 5, 1: "many"}, {0: 5, 1: None}, {0: 5}):
        with pytest.raises(ValueError, match="`class_counts` must be"):
            spa.losses.BalancedSoftmax(values)
