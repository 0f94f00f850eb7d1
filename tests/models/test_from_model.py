import keras
import numpy as np
import pytest
import toys
from keras import layers

import keras_spa as spa


def sequential():
    return keras.Sequential(
        [
            keras.Input((toys.INPUTS,)),
            layers.Dense(toys.FEATURES, "relu"),
            layers.Dropout(0.1),
            layers.Dense(toys.CLASSES),
        ]
    )


def functional():
    inputs = keras.Input((toys.INPUTS,))
    x = layers.Dense(toys.FEATURES, "tanh")(inputs)
    x = layers.Add()([x, layers.Dense(toys.FEATURES)(x)])
    return keras.Model(inputs, layers.Dense(toys.CLASSES)(x))


def two_inputs():
    a, b = keras.Input((2,), name="a"), keras.Input((4,), name="b")
    x = layers.Dense(toys.FEATURES, "relu")(layers.Concatenate()([a, b]))
    return keras.Model({"a": a, "b": b}, layers.Dense(toys.CLASSES)(x))


def nested():
    return keras.Sequential([toys.backbone(), layers.Dense(toys.CLASSES)])


def cosine_head():
    return keras.Sequential([toys.backbone(), spa.layers.CosineDense(toys.CLASSES)])


@pytest.mark.parametrize(
    "make", [sequential, functional, two_inputs, nested, cosine_head]
)
def test_the_split_model_computes_the_same_and_shares_weights(make):
    old = make()
    x, y = toys.data()
    if make is two_inputs:
        x = {"a": x[:, :2], "b": x[:, 2:]}
    model = spa.SpAModel.from_model(old, alignment=spa.SpASLERP(0.5))
    before = old.predict(x, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), before, atol=1e-6)
    shared = {id(v) for v in old.trainable_variables}
    assert {id(v) for v in model.trainable_variables} == shared
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    model.fit(x, y, epochs=2, verbose=0)
    after = old.predict(x, verbose=0)
    assert not np.allclose(after, before)
    np.testing.assert_allclose(model.predict(x, verbose=0), after, atol=1e-6)


class Subclassed(keras.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (layers.Dense(3), "`model` must be a keras.Model"),
        (Subclassed(), "`model` must be a built Sequential or Functional"),
        (keras.Sequential([layers.Dense(3)]), "`model` must be a built"),
        (
            keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Softmax()]),
            "`model` must end in a keras.layers.Dense.*Softmax",
        ),
        (
            keras.Sequential([keras.Input((8, 4)), layers.Dense(3)]),
            r"`backbone` must give features of shape \(B, d\)",
        ),
    ],
)
def test_what_cannot_be_split_says_why(model, message):
    with pytest.raises(ValueError, match=message):
        spa.SpAModel.from_model(model)


def test_two_outputs_cannot_be_split():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(2)(inputs)])
    with pytest.raises(ValueError, match="`model` must have one output.*2 outputs"):
        spa.SpAModel.from_model(model)
