"""Copies of models that hold functions and objects of the user's own."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_spa as spa

K, D = 3, 5
SCALE = 3.0


def data():
    random = np.random.RandomState(0)
    return random.randn(12, D).astype("float32"), np.arange(12) % K


def squared(x):
    return ops.square(ops.relu(x))


def relu(x):  # named as Keras names its own
    return ops.relu(x) + 1


class Half(keras.constraints.Constraint):
    def __call__(self, weights):
        return weights / 2


class Penalty(keras.regularizers.Regularizer):
    def __call__(self, weights):
        return ops.sum(weights)

    def get_config(self):
        return {}


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype)


def scaled(factor):
    def scale(x):
        return factor * x

    return scale


def model_of(*first):
    last = [layers.Dense(4, "relu", name="hidden"), layers.Dense(K, name="fc")]
    return keras.Sequential([keras.Input((D,)), *first, *last])


def nested(*first):
    inputs = keras.Input((D,))
    inner = keras.Sequential([keras.Input((D,)), *first], name="inner")
    return keras.Model(inputs, layers.Dense(K, name="fc")(inner(inputs)))


class OfLists(layers.Layer):
    def __init__(self, functions, **kwargs):
        super().__init__(**kwargs)
        self.functions = functions

    def call(self, x):
        for function in self.functions:
            x = function(x)
        return x

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {**super().get_config(), "functions": serialize(self.functions)}

    @classmethod
    def from_config(cls, config):
        functions = keras.saving.deserialize_keras_object(config.pop("functions"))
        return cls(functions, **config)


LAYERS = {
    "activation": lambda: layers.Dense(4, activation=squared),
    "activation without a name": lambda: layers.Dense(4, lambda x: x * SCALE),
    "constraint": lambda: layers.Dense(4, kernel_constraint=Half()),
    "regularizer": lambda: layers.Dense(4, kernel_regularizer=Penalty()),
    "initializer": lambda: layers.Dense(4, kernel_initializer=Ones()),
    "Lambda": lambda: layers.Lambda(squared),
    "Lambda of Keras": lambda: layers.Lambda(
        keras.applications.mobilenet_v2.preprocess_input
    ),
    "Lambda named as Keras' own": lambda: layers.Lambda(relu),
    "Lambda of a global": lambda: layers.Lambda(lambda x: ops.cast(x, "float32") * 2),
    "functions in a list": lambda: OfLists([squared, lambda x: x * SCALE]),
}
ACTIONS = {
    "align": lambda m: spa.align(m, data(), spa.SpASLERP(0.0), verbose=0),
    "retrain_head": lambda m: spa.trained.retrain_head(m, data(), steps=1, verbose=0),
    "scale_head": lambda m: spa.trained.scale_head(m, data(), steps=1, verbose=0),
    "normalize_head": lambda m: spa.trained.normalize_head(m, tau=0),
    "align a SpAModel": lambda m: spa.align(
        spa.SpAModel.from_model(m), data(), spa.SpASLERP(0.0), verbose=0
    ),
}


def outputs(model):
    return ops.convert_to_numpy(model(data()[0]))


@pytest.mark.parametrize("make", [model_of, nested])
@pytest.mark.parametrize("kind", LAYERS)
def test_the_copy_computes_the_same_with_the_very_functions(kind, make):
    model = make(LAYERS[kind]())
    copy = ACTIONS["align"](model)
    np.testing.assert_array_equal(outputs(copy), outputs(model))


@pytest.mark.parametrize("action", ACTIONS)
def test_whatever_makes_a_copy_takes_them(action):
    first = layers.Lambda(lambda x: x * SCALE, name="first")
    copy = ACTIONS[action](model_of(first, LAYERS["constraint"]()))
    inner = copy.backbone if isinstance(copy, spa.SpAModel) else copy
    assert inner.get_layer("first").function is first.function
    assert first.function.__name__ == "<lambda>"


def test_lambdas_of_one_code_are_told_apart():
    """As the shortcuts of CIFAR's ResNets have it."""

    def shortcut(width):
        return layers.Lambda(lambda x: ops.pad(x, [[0, 0], [0, width]]))

    model = model_of(shortcut(1), shortcut(2))
    np.testing.assert_array_equal(outputs(ACTIONS["align"](model)), outputs(model))


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: [layers.Dense(4, scaled(1.0)), layers.Dense(4, scaled(2.0))], "scale"),
        (lambda: [layers.Dense(4, relu)], "relu"),  # for which Keras takes its own
    ],
)
@pytest.mark.parametrize("action", ["align", "normalize_head"])
def test_two_of_one_name_are_not_mixed_up(action, make, name):
    message = f"`model` must .* copied.*`keras.saving.custom_object_scope`.*'{name}'"
    with pytest.raises(ValueError, match=message):
        ACTIONS[action](model_of(*make()))


class Remembering(layers.Layer):
    """What it holds holds itself."""

    def __init__(self, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.memo = {"activation": keras.activations.get(activation)}
        self.memo["self"] = self.memo

    def call(self, x):
        return self.memo["activation"](x)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "activation": serialize(self.memo["activation"]),
        }


@pytest.mark.parametrize("action", ["align", "normalize_head"])
def test_what_contains_itself_is_copied(action):
    """Before, it was walked without an end."""
    model = model_of(Remembering(lambda x: x * SCALE), Remembering(squared))
    np.testing.assert_array_equal(outputs(ACTIONS[action](model)), outputs(model))


@pytest.mark.parametrize("action", ["align", "normalize_head"])
def test_names_of_keras_stay_its_own(action):
    own, given = layers.Lambda(relu, name="own"), keras.activations.relu
    model = model_of(own, layers.Activation(given, name="given"))
    copy = ACTIONS[action](model)
    assert copy.get_layer("own").function is relu
    assert copy.get_layer("given").activation is given


class Late(keras.Model):
    """Its copy can be made, but not called."""

    def __init__(self):
        super().__init__()
        self.fc = layers.Dense(K)

    def call(self, x):
        return self.fc(x * self.set_later)

    def build(self, shape):
        self.fc.build(shape)

    def get_config(self):
        return {}


def test_a_copy_that_cannot_be_called_is_refused_in_the_same_words():
    model = Late()
    model.set_later = 1.0
    model(data()[0])
    message = "`model` must be a model that can be copied.*fails with.*set_later"
    with pytest.raises(ValueError, match=message):
        spa.align(model, data(), head="fc", verbose=0)


def test_numpy_deprecates_nothing_of_it():
    model = model_of()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        ACTIONS["align"](model)
    assert not [one for one in caught if "keras_spa" in one.filename]
