"""Subclassed models that cannot be split, at once or when they are called."""

import keras
import pytest
import splits
import toys
from keras import layers
from subclassed import Deep, Plain, called

import keras_spa as spa


def test_as_the_last_layer_of_another_model_it_is_refused():
    x, _ = splits.data()
    inner = called(Plain(), x)
    old = keras.Sequential([keras.Input((toys.INPUTS,)), layers.Rescaling(0.5), inner])
    with pytest.raises(ValueError, match="not end in a subclassed model.*from_model"):
        spa.SpAModel.from_model(old, head=inner.fc)


class Tied(Plain):
    def __init__(self):
        super().__init__()
        self.again = layers.Dense(toys.CLASSES)

    def build(self, shape):
        self.fc.build((None, toys.FEATURES))
        self.again.build((None, toys.FEATURES))
        self.again._trainable_variables[0] = self.fc.kernel


class Twice(Plain):
    def call(self, x):
        hidden = self.hidden(x)
        return self.fc(hidden) + self.fc(-hidden)


class Pairs(Plain):
    def call(self, x):
        return [super().call(x), x]


class Sequence(Plain):
    def call(self, x):
        return self.fc(self.hidden(x)[:, None])


class Regular(Plain):
    def __init__(self):
        super().__init__()
        self.fc.activity_regularizer = keras.regularizers.L2(0.1)


class Linear(Plain):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(toys.FEATURES)


@pytest.mark.parametrize(
    ("old", "head", "message"),
    [
        (Plain, None, "`head` must name the classifier of a subclassed model"),
        (Plain, "classifier", "`head` must be a layer.*there are: 'hidden', 'fc'"),
        (Plain, layers.Dense(4, name="other"), "which 0 layers of Plain match"),
        (lambda: Plain("relu"), "fc", "a head that gives logits.*relu"),
        (Tied, "fc", "the kernel of its head once"),
        (Regular, "fc", "without an `activity_regularizer`"),
        (Deep, "normal", r"`head` must be a built layer with a \(d, K\) kernel"),
    ],
)
def test_what_cannot_be_split(old, head, message):
    x, _ = splits.data()
    with pytest.raises(ValueError, match=message):
        spa.SpAModel.from_model(called(old(), x), head=head)


def test_unbuilt():
    with pytest.raises(ValueError, match="must be a built model.*call a subclassed"):
        spa.SpAModel.from_model(Plain(), head="fc")


@pytest.mark.parametrize(
    ("old", "head", "message"),
    [
        (Linear, "hidden", r"`head` must give the model's output"),
        (Twice, "fc", "`head` must be called once.*2 times"),
        (Pairs, "fc", r"`head` must give the model's output"),
        (Sequence, "fc", r"features of shape \(B, d\)"),
    ],
)
def test_what_only_shows_when_called(old, head, message):
    x, _ = splits.data()
    model = spa.SpAModel.from_model(called(old(), x), head=head)
    with pytest.raises(ValueError, match=message):
        model(x)
