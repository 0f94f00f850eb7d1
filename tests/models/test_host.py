"""The protocol between a model and the training step that it inherits."""

import ast
import inspect
import pathlib

import pytest
import toys

import keras_spa as spa

SOURCE = pathlib.Path(spa.__file__).parent / "models" / "_train_step" / "host.py"
(HOST,) = (
    node
    for node in ast.parse(SOURCE.read_text()).body
    if isinstance(node, ast.ClassDef)
)
METHODS = {node.name: node for node in HOST.body if isinstance(node, ast.FunctionDef)}
OWED = [*METHODS, *(n.target.id for n in HOST.body if isinstance(n, ast.AnnAssign))]


def test_a_spa_model_has_what_the_protocol_says():
    model = toys.model()
    assert len(OWED) >= 8
    assert [name for name in OWED if not hasattr(model, name)] == []


@pytest.mark.parametrize("name", ["__call__", "compute_loss", "compute_metrics"])
def test_a_spa_model_takes_what_the_step_gives(name):
    method = "call" if name == "__call__" else name
    taken = inspect.signature(getattr(spa.SpAModel, method)).parameters
    assert [argument.arg for argument in METHODS[name].args.args] == list(taken)
