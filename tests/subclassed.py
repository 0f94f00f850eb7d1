"""Subclassed models that several tests split."""

import keras
import toys
from keras import layers


@keras.saving.register_keras_serializable(package="tests")
class Plain(keras.Model):
    """Counts its forward passes as Python sees them."""

    def __init__(self, activation=None, softmax=False, **kwargs):
        super().__init__(**kwargs)
        self.hidden = layers.Dense(toys.FEATURES, "tanh")
        self.fc = layers.Dense(toys.CLASSES, activation)
        self.activation, self.softmax, self.passes = activation, softmax, 0

    def call(self, x):
        self.passes += 1
        logits = self.fc(self.hidden(x))
        return keras.ops.softmax(logits) if self.softmax else logits

    def get_config(self):
        own = {"activation": self.activation, "softmax": self.softmax}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="tests")
class Deep(keras.Model):
    """Its head is a layer of a layer, and it is built by Keras' automatic config."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.normal = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.blocks = [layers.Dense(toys.FEATURES, "relu"), layers.Dense(toys.CLASSES)]

    def call(self, x, training=None):
        x = self.drop(self.normal(x, training=training), training=training)
        for block in self.blocks:
            x = block(x)
        return x


def called(model, x):
    model(x)
    return model
