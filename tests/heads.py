"""Small trained models whose heads are trained again, and their data."""

import keras
import numpy as np

import keras_spa as spa
from keras_spa.trained import linear_classifier, normalize_head, retrain_head
from keras_spa.trained import scale_head as learn_scales

COUNTS = [60, 20, 6]
RATE, STEPS = 0.3, 5


@keras.saving.register_keras_serializable(package="tests")
class Scaled(keras.Model):
    """Its logits are nine times those of its head."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden = keras.layers.Dense(5, name="hidden")
        self.fc = keras.layers.Dense(3, name="fc")

    def call(self, x):
        return 9 * self.fc(self.hidden(x))


def clusters(counts=COUNTS, spread=1.0, seed=0):
    random = np.random.RandomState(seed)
    y = np.repeat(np.arange(len(counts)), counts)
    centres = 2.0 * np.eye(len(counts), 4)[y]
    return (centres + spread * random.randn(len(y), 4)).astype("float32"), y


def trained(scale=1.0, use_bias=True, activation=None):
    """A backbone of one layer whose features are `scale` times relu(x @ w)."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, "relu", name="features"),
            keras.layers.Rescaling(scale),
            keras.layers.Dense(3, activation, use_bias=use_bias),
        ]
    )
    model.layers[-1].set_weights(
        [w / scale ** (w.ndim == 2) for w in model.layers[-1].get_weights()]
    )
    return model


def features_of(model, x):
    kernel, bias = model.layers[0].get_weights()
    return np.maximum(x @ kernel + bias, 0)


def classifier(model):
    weights, biases = linear_classifier(spa.trained.Observer(model).model)
    return weights.astype("float64"), biases


FUNCTIONS = {
    "retrain": lambda model, data: retrain_head(model, data, verbose=0, steps=20),
    "scale": lambda model, data: learn_scales(model, data, verbose=0, steps=20),
    "normalize": lambda model, data: normalize_head(model, data, verbose=0),
}
