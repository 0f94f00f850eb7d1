"""Private Keras is used in one module: no other one says an underscored name of it."""

import ast
import pathlib
import re

import keras
import pytest

import keras_spa as spa

ROOT = pathlib.Path(spa.__file__).parent
PAGE = ast.parse((ROOT / "_keras_private.py").read_text())
PRIVATE = re.compile(r"_[A-Za-z]\w*")  # and not __init__
SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in sorted(ROOT.rglob("*.py"))
    if path.name != "_keras_private.py"
}
# What our classes inherit from, each with names of its own under the surface.
BASES = (
    keras.Layer,
    keras.Model,
    keras.callbacks.Callback,
    keras.distribution.DataParallel,
    keras.layers.Dense,
    keras.losses.Loss,
    keras.metrics.Mean,
    keras.optimizers.schedules.LearningRateSchedule,
    keras.regularizers.Regularizer,
)


def mentioned(source):
    """Private attributes, strings that name one of Keras, and imports of keras.src."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and PRIVATE.fullmatch(node.attr):
            yield node.attr
        elif isinstance(node, ast.Constant) and node.value in KERAS_NAMES:
            yield node.value
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names]
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from (module for module in modules if "keras.src" in module)


def defined(source):
    """What classes in the source define: methods, fields and attributes of `self`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                named = getattr(part, "targets", [getattr(part, "target", part)])
                yield from (
                    getattr(one, "name", getattr(one, "id", "")) for one in named
                )
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                value = getattr(target, "value", None)
                if isinstance(value, ast.Name) and value.id == "self":
                    yield target.attr


def names_of_keras():
    """The private names of everything that our classes inherit or meet."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    parts = (*BASES, model, model.layers[0], model.optimizer, *model.outputs)
    names = {name for part in parts for name in dir(part)}
    return {name for name in names if PRIVATE.fullmatch(name)} | {"_modules"}


KERAS_NAMES = names_of_keras()
OWN = {name for source in SOURCES.values() for name in defined(source)}


@pytest.mark.parametrize("path", SOURCES)
def test_a_module_names_nothing_private_but_of_this_package(path):
    assert set(mentioned(SOURCES[path])) <= OWN


def test_no_private_name_of_ours_is_one_of_keras_but_the_listed():
    (names,) = (
        node.value
        for node in PAGE.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "OVERRIDDEN"
    )
    listed = set(ast.literal_eval(names))
    assert listed >= OWN & KERAS_NAMES
    if keras.backend.backend() == "tensorflow":
        assert listed == OWN & KERAS_NAMES


@pytest.mark.parametrize(
    "source",
    [
        "model._flatten_layers()",
        "self._loss_tracker.update_state(1)",
        "vars(model).get('_modules')",
        "from keras.src.utils import backend_utils",
        "import keras.src as source",
    ],
)
def test_private_keras_is_noticed(source):
    assert not set(mentioned(source)) <= OWN


def test_every_function_says_what_breaks_without_it():
    functions = [node for node in PAGE.body if isinstance(node, ast.FunctionDef)]
    assert len(functions) >= 9
    for function in functions:
        if function.name != "remove_metric":  # the other half of add_metric
            assert "Without it" in ast.get_docstring(function), function.name
