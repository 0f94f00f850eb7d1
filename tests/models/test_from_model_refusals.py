"""What cannot be split says why, and what to pass."""

import keras
import pytest
from keras import layers

import keras_spa as spa


def after(*last, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *last])


def twice():
    inputs, head = keras.Input((3,)), layers.Dense(3)
    return keras.Model(inputs, head(layers.ReLU()(head(inputs))))


def two_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, [layers.Dense(3)(inputs), layers.Dense(2)(inputs)])


def with_labels():
    image, label = keras.Input((4,)), keras.Input((), dtype="int32")
    head = spa.layers.SpADense(3, spa.SpAReg())
    return keras.Model([image, label], head(image, label))


def named():
    return after(layers.Dense(5, name="hidden"), layers.Dense(3, name="last"))


class OwnSoftmax(layers.Dense):
    def call(self, inputs):
        return super().call(2 * inputs)


@pytest.mark.parametrize(
    ("make", "head", "message"),
    [
        (lambda: layers.Dense(3), None, "`model` must be a keras.Model"),
        (lambda: keras.Sequential([layers.Dense(3)]), None, "must be a built model"),
        (two_outputs, None, r"one output.*keras\.Model\(model\.input.*: 2 outputs"),
        (
            lambda: after(layers.Dense(3), layers.ReLU()),
            None,
            r"must end in a keras\.layers\.Dense.*SpAModel\(backbone.*ReLU",
        ),
        (lambda: after(layers.Flatten()), None, "must end in a keras.layers.Dense"),
        (lambda: after(layers.Dense(3), shape=(8, 4)), None, r"shape \(B, d\).*8, 4"),
        (lambda: after(layers.Dense(1, "sigmoid")), None, r"Dense\(2\).*sigmoid"),
        (lambda: after(layers.Dense(3, "relu")), None, "gives logits.*relu"),
        (lambda: after(OwnSoftmax(3, "softmax")), None, "gives logits.*softmax"),
        (
            lambda: after(layers.Dense(3, "softmax"), layers.Softmax()),
            None,
            "one softmax",
        ),
        (with_labels, None, r"features alone.*keras\.Model\(image.*2 tensors"),
        (twice, None, "the kernel of its head once"),
        (named, "fc", "there are: 'hidden', 'last'.*head='fc'"),
        (named, "hidden", "`head` must be the layer that gives the logits.*'last'"),
        (
            lambda: after(layers.Dense(3, "softmax", activity_regularizer="l2")),
            None,
            "without an `activity_regularizer`",
        ),
    ],
)
def test_what_cannot_be_split(make, head, message):
    with pytest.raises(ValueError, match=message):
        spa.SpAModel.from_model(make(), head=head)


def test_a_softmax_over_the_batch_is_none():
    with pytest.raises(ValueError, match="only a softmax may follow"):
        spa.SpAModel.from_model(after(layers.Dense(3), layers.Softmax(axis=0)))
