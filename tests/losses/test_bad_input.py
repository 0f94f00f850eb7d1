"""What the losses refuse, and how they say so."""

import keras
import numpy as np
import pytest
from loss_formulas import (
    COUNTS,
    EVERY_LOSS,
    LABELS,
    LOGITS,
    LOSSES,
    SOFT,
    B,
    K,
)

import keras_spa as spa
from keras_spa.losses import (
    LDAM,
    BalancedSoftmax,
    ClassBalanced,
    LabelAwareSmoothing,
    LogitAdjusted,
)


@EVERY_LOSS
@pytest.mark.parametrize(
    "labels",
    [
        np.full(B, K),
        np.full((B, 1), -1),
        LABELS + 0.5,
        np.full(B, np.nan),
        -SOFT,
        np.full((B, K), np.inf),
    ],
    ids=["K", "-1", "fractions", "nan", "negative shares", "infinite shares"],
)
def test_labels_out_of_range_are_named(make, formula, labels):
    with pytest.raises(
        ValueError, match="Argument `labels` must be .*Received .*such as"
    ):
        make()(labels.astype("float32"), LOGITS)


@EVERY_LOSS
@pytest.mark.parametrize("shape", [(B, 3), (B, K, 1), ()])
def test_labels_of_another_shape_are_named(make, formula, shape):
    with pytest.raises(ValueError, match="Argument `labels` must be integers of shape"):
        make()(np.ones(shape, "float32"), LOGITS)


@EVERY_LOSS
@pytest.mark.parametrize("shape", [(K,), (B, 2, K)])
def test_logits_of_another_shape_are_named(make, formula, shape):
    with pytest.raises(ValueError, match="Argument `y_pred` must"):
        make()(LABELS, np.zeros(shape, "float32"))


COUNTED = pytest.mark.parametrize(
    "make",
    [
        BalancedSoftmax,
        LogitAdjusted,
        LDAM,
        LabelAwareSmoothing,
        lambda counts: ClassBalanced(keras.losses.MeanSquaredError(), counts),
        lambda counts: spa.losses.adjust_logits(np.zeros((1, 2)), counts),
    ],
    ids=[
        *("BalancedSoftmax", "LogitAdjusted", "LDAM", "LabelAwareSmoothing"),
        *("ClassBalanced", "adjust_logits"),
    ],
)


@COUNTED
@pytest.mark.parametrize(
    "counts",
    [
        [5, 0],
        [5, -1],
        [5, float("nan")],
        [5, float("inf")],
        [5],
        [],
        5,
        [[5, 5]],
        [True, True],
        ["5", "6"],
        None,
    ],
)
def test_bad_counts_are_named(make, counts):
    with pytest.raises(ValueError, match="Argument `class_counts` must be .*Received"):
        make(counts)


def test_the_class_with_a_bad_count_is_told():
    with pytest.raises(ValueError, match=r"\{1: inf, 3: 0.0\}"):
        BalancedSoftmax([5, float("inf"), 5, 0])


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"ARB", "DotRegression"}))
def test_logits_of_another_number_of_classes_are_named(name):
    make, _ = LOSSES[name]
    with pytest.raises(ValueError, match=r"`y_pred` must hold.*4 class counts.*12, 5"):
        make()(LABELS, np.zeros((B, 5), "float32"))


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (LogitAdjusted, "tau", -0.1),
        (LogitAdjusted, "tau", float("nan")),
        (LogitAdjusted, "tau", "1"),
        (LDAM, "max_margin", -0.5),
        (LDAM, "max_margin", float("inf")),
        (LDAM, "scale", 0),
        (LDAM, "scale", -30.0),
        (LDAM, "scale", None),
        (LabelAwareSmoothing, "smooth_head", 1.1),
        (LabelAwareSmoothing, "smooth_tail", -0.1),
        (LabelAwareSmoothing, "smooth_tail", None),
        (LabelAwareSmoothing, "shape", "exp"),
    ],
)
def test_bad_arguments_are_named(make, name, value):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        make(COUNTS, **{name: value})
