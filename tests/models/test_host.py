"""The protocol between a model and the training step that it inherits."""

import inspect

import keras
import pytest
import toys

import keras_spa as spa
from keras_spa.models._train_step.host import Host


def test_a_spa_model_is_a_host():
    assert isinstance(toys.model(), Host)


@pytest.mark.parametrize("model", [keras.Model(), keras.Sequential()])
def test_any_other_model_is_not(model):
    assert not isinstance(model, Host)


@pytest.mark.parametrize("name", ["__call__", "compute_loss", "compute_metrics"])
def test_a_spa_model_takes_what_the_step_gives(name):
    method = "call" if name == "__call__" else name
    taken = inspect.signature(getattr(spa.SpAModel, method)).parameters
    assert list(inspect.signature(getattr(Host, name)).parameters) == list(taken)
