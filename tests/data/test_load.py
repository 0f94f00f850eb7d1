import numpy as np
import pytest
from archives import archive

from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("imbalance_factor", value) for value in (0.5, -1, True, "10", float("nan"))),
        *(("max_count", value) for value in (0, 2.5, True, "10")),
        *(("seed", value) for value in (-1, 0.5, None)),
        *(("validation_per_class", value) for value in (-1, 1.5, None)),
        ("profile", "linear"),
        ("order", "random"),
        ("on_error", "ignore"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_read(name, value):
    arguments = {"imbalance_factor": 2, name: value}
    with pytest.raises(
        ValueError, match=rf"Argument `{name}` must .*Received: {name}="
    ):
        load("npz:nowhere", **arguments)


def test_max_count_needs_an_imbalance_factor():
    with pytest.raises(ValueError, match="Argument `max_count` must be None without"):
        load("npz:nowhere", max_count=5)


@pytest.mark.parametrize("name", ["mnist", "", None, 3, "CIFAR10", "tar:x"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="Argument `name` must be .*Received: name="):
        load(name)


def test_what_would_fit_is_told(tmp_path):
    """Of a pool at IF 50, the hints are the last that work."""
    labels = np.repeat(np.arange(10), long_tail_counts(10, 500, 50))
    name = archive(tmp_path, labels)
    with pytest.raises(
        ValueError, match="9 of 10 classes .*class 1: 387 of 323"
    ) as told:
        load(name, 10)
    hint = "imbalance_factor >= 50 with max_count=500 or max_count <= 109 with "
    assert hint + "imbalance_factor=10" in str(told.value)
    assert load(name, 50, max_count=500).class_counts[0] == 500
    assert load(name, 10, max_count=109).class_counts[0] == 109
    for factor, count in [(49, 500), (10, 110)]:
        with pytest.raises(ValueError, match="asks"):
            load(name, factor, max_count=count)
    with pytest.raises(ValueError, match="What fits: max_count <= 500 with imb"):
        load(name, 60, max_count=501)
    with pytest.raises(ValueError, match="`max_count` must leave each class at least"):
        load(name, 501)
