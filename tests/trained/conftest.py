"""A small model and its long-tailed data, to be diagnosed."""

import keras
import numpy as np
import pytest


@pytest.fixture(scope="module")
def data():
    random = np.random.RandomState(0)
    labels = np.repeat(np.arange(4), [20, 12, 6, 3])
    images = random.randn(len(labels), 5).astype("float32")
    return images, labels


@pytest.fixture
def model():
    keras.utils.set_random_seed(1)
    layers = [keras.Input((5,)), keras.layers.Dense(6, "relu"), keras.layers.Dense(4)]
    model = keras.Sequential(layers)
    model.layers[-1].bias.assign(np.arange(4) / 10)
    return model
