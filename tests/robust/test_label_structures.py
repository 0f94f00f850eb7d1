"""Labels and weights in a structure of one, wherever plain Keras takes them."""

import numpy as np
import pytest
import toys

import keras_spa as spa

X, Y = toys.data(32)
WEIGHTS = np.linspace(0.1, 2, 32).astype("float32")
WRAPPED = {
    "list": lambda array: [array],
    "tuple": lambda array: (array,),
    "dict": lambda array: {"species": array},
    "nested": lambda array: {"species": [array]},
}


def endless(*batch):
    while True:
        yield batch


WAYS = {
    "fit": lambda m, y, w: m.fit(X, y, batch_size=32, shuffle=False, verbose=0),
    "weights": lambda m, y, w: m.fit(
        *(X, y), sample_weight=w, batch_size=32, shuffle=False, verbose=0
    ),
    "validation": lambda m, y, w: m.fit(
        *(X, Y), batch_size=32, shuffle=False, verbose=0, validation_data=(X, y)
    ),
    "generator": lambda m, y, w: m.fit(endless(X, y), steps_per_epoch=1, verbose=0),
    "evaluate": lambda m, y, w: m.evaluate(X, y, verbose=0, return_dict=True),
    "train_on_batch": lambda m, y, w: m.train_on_batch(X, y, w, return_dict=True),
    "test_on_batch": lambda m, y, w: m.test_on_batch(X, y, w, return_dict=True),
    "PyDataset": lambda m, y, w: m.fit(toys.OneBatch(X, y), shuffle=False, verbose=0),
}
LISTS = ("generator", "PyDataset")  # whose lists Keras itself refuses on TensorFlow


def logs_and_weights(way, labels, weights):
    model = toys.model("spa_reg", compiled=toys.EAGER | {"metrics": ["accuracy"]})
    logs = WAYS[way](model, labels, weights)
    return getattr(logs, "history", logs), model.get_weights()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", WRAPPED)
def test_a_structure_of_one_is_what_it_holds(way, kind):
    wrap = WRAPPED[kind]
    if way in LISTS and kind in ("list", "nested"):
        wrap = WRAPPED["tuple"]
    expected, weights = logs_and_weights(way, Y, WEIGHTS)
    logs, actual = logs_and_weights(way, wrap(Y), wrap(WEIGHTS))
    np.testing.assert_equal(logs, expected)
    for one, other in zip(actual, weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_compiled_steps_take_them_too():
    logs = []
    for labels in (Y, {"species": Y}):
        model = toys.model("spa_proj", compiled={"metrics": ["accuracy"]})
        logs.append(model.fit(X, labels, shuffle=False, verbose=0).history)
        logs.append(model.evaluate(X, labels, verbose=0, return_dict=True))
    assert logs[:2] == logs[2:]


@pytest.mark.parametrize(
    ("way", "labels"), [("fit", Y.tolist()), ("fit", [Y, Y]), ("evaluate", [Y, Y])]
)
def test_several_labels_are_named(way, labels):
    model = toys.model(compiled=toys.EAGER)
    message = "`y` must be one array of labels.*Received: a (list|tuple) of"
    with pytest.raises(ValueError, match=message):
        WAYS[way](model, labels, None)


@pytest.mark.parametrize("kind", WRAPPED)
@pytest.mark.parametrize("batches", [False, True])
def test_looking_at_data_takes_them_too(kind, batches):
    model = toys.model()
    data = (X, WRAPPED[kind](Y))
    report = spa.diagnose(model, [data] if batches else data, verbose=0)
    assert report.metrics == spa.diagnose(model, (X, Y), verbose=0).metrics
    aligned = spa.align(model, [data] if batches else data, verbose=0)
    expected = spa.align(model, (X, Y), verbose=0)
    np.testing.assert_array_equal(aligned.predict(X), expected.predict(X))
