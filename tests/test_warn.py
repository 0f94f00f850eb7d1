"""Warnings name the line of the user's program that they are of."""

import inspect
import warnings

import keras
import numpy as np

import keras_spa as spa


def places(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        call()
    return {(one.filename, one.lineno) for one in caught}


def test_warnings_point_at_the_call_however_deep_they_come_from():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    x, y = np.zeros((30, 4), "float32"), np.repeat([0, 1, 2], [15, 10, 5])
    x[:, 0] = np.random.RandomState(0).randn(30)
    frozen = keras.layers.Dense(3, trainable=False)
    fixed = spa.SpAModel(model, frozen, "spa_slerp")
    fixed.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    loss = spa.losses.BalancedSoftmax([15, 10, 5])
    calls = (
        lambda: loss(y[:3], np.full((3, 3), 1 / 3, "float32")),  # through Keras
        lambda: spa.align(model, (x, y), verbose=0),
        lambda: spa.choose_alignment(model, (x, y), verbose=0),
        lambda: fixed.fit(x, y, verbose=0),
    )
    for call in calls:
        line = inspect.getsourcelines(call)[1]
        assert (__file__, line) in places(call)


def test_programs_without_a_name_are_warned_too():
    """Such as those of `exec`. Of a name that is None Python itself shows nothing."""
    given = np.zeros(3, "int32"), np.full((3, 3), 1 / 3, "float32")
    for name, shown in (({}, {("program", 1)}), ({"__name__": None}, set())):
        loss = spa.losses.BalancedSoftmax([15, 10, 5])
        own = {"loss": loss, "given": given, **name}
        program = compile("loss(*given)", "program", "exec")
        assert places(lambda own=own, code=program: exec(code, own)) == shown
