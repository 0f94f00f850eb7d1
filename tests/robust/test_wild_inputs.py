"""The battery: what users bring, for every argument of every public callable.

Each value gives the number that the plain value gives, or a ValueError that names the
argument, within a second. The tables are in `tests/wild/`.
"""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from public import PUBLIC
from wild import TABLE, judge
from wild.judge import ANY, SAME, UNDEFINED, Subject, Wild, violation

# Those that build, compile or train a model for each right value.
SLOW = {
    *(
        "BCL",
        "GLMC",
        "SimAugment",
        "AutoAugment",
        "RandAugment",
        "resnet_cifar",
        "resnext50",
    ),
    *("align", "choose_alignment", "diagnose", "normalize_head", "pipeline"),
    *("retrain_head", "scale_head", "CollapseMonitor", "load"),
}
LONG = {("retrain_head", "dataset"), ("scale_head", "dataset")}
ARGUMENTS = [
    pytest.param(
        *(name, argument),
        marks=[pytest.mark.slow] * (name in SLOW)
        + [pytest.mark.long] * ((name, argument) in LONG),
    )
    for name, subject in TABLE.items()
    for argument in subject.wild
]


def test_every_public_callable_has_a_table():
    assert {*TABLE} == {*PUBLIC}
    sizes = {name: len([*subject.cases()]) for name, subject in TABLE.items()}
    assert min(sizes.values()) >= 8
    assert sum(sizes.values()) >= 250


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_wild_values_give_the_right_number_or_are_named(name, argument):
    subject = TABLE[name]
    judge.called(subject)  # what is traced or compiled once is
    found = (violation(subject, argument, one) for one in subject.wild[argument])
    assert [*filter(None, found)] == []


DTYPES = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.datetime64_dtypes(),
    arrays.unicode_string_dtypes(),
)
VALUES = DTYPES.flatmap(
    lambda dtype: arrays.arrays(
        dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
    )
)
# Functions of arrays, and which of their arguments are.
OF_ARRAYS = [
    (name, argument)
    for name in ("LogitAdjusted", "LDAM", "DotRegression", "transport_cost")
    for argument in TABLE[name].wild
    if isinstance(TABLE[name].good.get(argument), np.ndarray)
] + [
    (name, argument)
    for name in ("calibration_error", "NeuralCollapse", "ShotAccuracy", "log_prior")
    for argument in TABLE[name].wild
    if argument not in ("num_classes", "many", "few")
]


@pytest.mark.parametrize(("name", "argument"), OF_ARRAYS)
@settings(max_examples=25, deadline=None, database=None, derandomize=True)
@given(value=VALUES)
def test_arrays_of_any_kind_are_taken_or_named(name, argument, value):
    assert violation(TABLE[name], argument, Wild("drawn", value, ANY)) is None


def crashing(value):
    return {}[value]


def unnamed(value):
    raise ValueError("Something is wrong")


def slow(value):
    if value == 2:
        until = time.process_time() + 1.5 * judge.SECONDS
        while time.process_time() < until:
            pass
    return value


@pytest.mark.parametrize(
    ("call", "wild", "said"),
    [
        (crashing, Wild("w", 2), "KeyError"),
        (unnamed, Wild("w", 2), "is not named"),
        (slow, Wild("w", 2, ANY), "takes"),
        (abs, Wild("w", 2), "is taken"),
        (abs, Wild("w", 2, SAME), "instead of"),
        (abs, Wild("w", 2.0, UNDEFINED), "is taken for a number"),
    ],
)
def test_the_judge_sees_what_is_wrong(call, wild, said):
    subject = Subject(lambda value: call(value), {"value": 1}, {"value": [wild]})
    assert said in violation(subject, "value", wild)


def test_the_judge_takes_what_is_right():
    subject = Subject(lambda x: np.sqrt(x), {"x": 4.0}, {})
    assert violation(subject, "x", Wild("w", np.float64(4.0), SAME)) is None
    assert violation(subject, "x", Wild("w", -1.0, UNDEFINED)) is None
