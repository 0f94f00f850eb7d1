"""Functional and Sequential models: the same logits from the same layers."""

import keras
import numpy as np
import pytest
import splits
import toys
from keras import layers

import keras_spa as spa


def sequential(*last):
    """Layers that end in a classifier without a bias, or in `last`."""
    last = last or (layers.Dense(toys.CLASSES, use_bias=False),)
    first = [keras.Input((toys.INPUTS,)), layers.Dense(toys.FEATURES, "relu")]
    return keras.Sequential([*first, *last])


def functional():
    inputs = keras.Input((toys.INPUTS,))
    x = layers.Dense(toys.FEATURES, "tanh")(inputs)
    x = layers.Add()([x, layers.Dense(toys.FEATURES)(x)])
    return keras.Model(inputs, layers.Dense(toys.CLASSES)(x))


def named_inputs():
    a, b = keras.Input((2,), name="a"), keras.Input((4,), name="b")
    x = layers.Dense(toys.FEATURES, "relu")(layers.Concatenate()([a, b]))
    return keras.Model({"a": a, "b": b}, layers.Dense(toys.CLASSES)(x))


def listed_inputs():
    a, b = keras.Input((2,)), keras.Input((4,))
    x = layers.Dense(toys.FEATURES, "relu")(layers.Concatenate()([a, b]))
    return keras.Model([a, b], layers.Dense(toys.CLASSES)(x))


def nested_backbone():
    return keras.Sequential([toys.backbone(), layers.Dense(toys.CLASSES)])


def nested_whole():
    """A whole classifier behind a layer that prepares its inputs."""
    inputs = keras.Input((toys.INPUTS,))
    x = layers.Rescaling(0.5)(inputs)
    return keras.Model(inputs, layers.Softmax()(functional()(x, training=False)))


def cosine_head():
    return keras.Sequential([toys.backbone(), spa.layers.CosineDense(toys.CLASSES)])


def head_of(model):
    """The one layer of K units."""
    layers = model._flatten_layers()
    (head,) = (layer for layer in layers if getattr(layer, "units", 0) == toys.CLASSES)
    return head


def inputs_for(make):
    x, y = splits.data()
    if make is named_inputs:
        return {"a": x[:, :2], "b": x[:, 2:]}, y
    return ([x[:, :2], x[:, 2:]] if make is listed_inputs else x), y


@pytest.mark.parametrize(
    "make",
    [
        sequential,
        functional,
        named_inputs,
        listed_inputs,
        nested_backbone,
        nested_whole,
        cosine_head,
    ],
)
def test_the_split_model_computes_the_same_and_shares_weights(make, tmp_path):
    old, (x, y) = make(), inputs_for(make)
    model = splits.checked(old, x, y, head_of(old), softmax=make is nested_whole)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)  # and not eagerly
    model.fit(x, y, epochs=2, verbose=0)
    loaded = splits.reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(splits.host(loaded(x)), splits.host(model(x)))
    toys.assert_same_state(loaded, model, atol=0, rtol=0)


def test_a_dropout_before_the_head_belongs_to_the_backbone():
    old = sequential(layers.Dropout(0.5), layers.Dense(toys.CLASSES))
    model = spa.SpAModel.from_model(old)
    x, _ = splits.data()
    splits.assert_same_logits(old, model, x)
    features = splits.host(model.backbone(x, training=True))
    assert np.abs(features - splits.host(model.backbone(x, training=False))).max() > 0.1


def named_head(function=None):
    inputs = keras.Input((toys.INPUTS,))
    x = layers.Dense(toys.FEATURES, "tanh")(inputs)
    x = layers.Dense(toys.CLASSES, name="last")(x)
    return keras.Model(inputs, function(x) if function else x)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    ("last", "probabilities"),
    [
        ([lambda: layers.Dense(4, "softmax")], True),
        ([lambda: layers.Dense(4, "softmax", use_bias=False)], True),
        ([lambda: layers.Dense(4, "softmax", dtype="float32")], True),
        ([lambda: layers.Dense(4), lambda: layers.Softmax(dtype="float32")], True),
        ([lambda: layers.Dense(4), lambda: layers.Activation("softmax")], True),
        (
            [
                lambda: layers.Dense(4),
                lambda: layers.Activation("linear", dtype="float32"),
            ],
            False,
        ),
    ],
)
def test_a_softmax_at_the_end_leaves_its_logits(last, probabilities, policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    old = sequential(*(make() for make in last))
    x, y = splits.data()
    model = splits.checked(old, x, y, head_of(old), probabilities)
    assert keras.backend.standardize_dtype(model(x).dtype) == old.outputs[0].dtype
    assert model.classifier.bias is head_of(old).bias
    keras.config.set_dtype_policy("float32")
    loaded = splits.reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(splits.host(loaded(x)), splits.host(model(x)))
    assert loaded.classifier.kernel.dtype == "float32"


@pytest.mark.parametrize("head", ["last", None])
@pytest.mark.parametrize("function", [keras.ops.softmax, None])
def test_a_head_by_name_and_a_softmax_that_is_no_layer(head, function):
    old, (x, y) = named_head(function), splits.data()
    splits.checked(old, x, y, head_of(old), function is not None, head=head)


def test_inputs_reach_layers_of_higher_precision_uncut():
    """In mixed precision a float32 layer first, as for inputs above 256."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    inputs = keras.Input((toys.INPUTS,))
    x = layers.Rescaling(1 / 1000, offset=-1, dtype="float32")(inputs)
    old = keras.Model(inputs, layers.Dense(toys.CLASSES)(x))
    x = 1000 + splits.data()[0]
    splits.assert_same_logits(old, spa.SpAModel.from_model(old), x)


def test_loss_scaling_stays():
    keras.config.set_dtype_policy("mixed_float16")
    old = functional()
    keras.config.set_dtype_policy("float32")
    assert spa.SpAModel.from_model(old).dtype_policy.name == "mixed_float16"


def test_a_frozen_backbone_stays_frozen():
    inner = keras.Sequential(
        [
            keras.Input((toys.INPUTS,)),
            layers.BatchNormalization(),
            layers.Dense(toys.FEATURES),
        ]
    )
    inner.trainable = False
    old = keras.Sequential([inner, layers.Dense(toys.CLASSES)])
    x, y = splits.data()
    before = [splits.host(v) for v in inner.variables]
    model = splits.checked(old, x, y, old.layers[-1])
    assert len(model.trainable_variables) == 2
    model.fit(x, y, verbose=0)
    for variable, value in zip(inner.variables, before, strict=True):
        np.testing.assert_array_equal(splits.host(variable), value)
    assert splits.host(model.class_means.seen).tolist() == [1] * toys.CLASSES


@keras.saving.register_keras_serializable(package="tests")
class ImageClassifier(keras.Model):
    """A Functional model with a constructor of its own, as of keras-hub."""

    def __init__(self, backbone, num_classes, activation=None, dropout=0.0, **kwargs):
        output_dropout = layers.Dropout(dropout)
        output_dense = layers.Dense(num_classes, activation, name="predictions")
        x = output_dropout(backbone(backbone.inputs[0]))
        super().__init__(backbone.inputs[0], output_dense(x), **kwargs)
        self.output_dropout, self.output_dense = output_dropout, output_dense
        self.backbone, self.activation = backbone, activation

    def get_config(self):
        return {
            "backbone": keras.saving.serialize_keras_object(self.backbone),
            "num_classes": self.output_dense.units,
            "activation": self.activation,
        }

    @classmethod
    def from_config(cls, config):
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})


@pytest.mark.parametrize(
    ("head", "activation"),
    [(None, "softmax"), ("output_dense", None), ("predictions", None)],
)
def test_a_functional_model_of_a_class_of_its_own(head, activation):
    old = ImageClassifier(toys.backbone(), toys.CLASSES, activation)
    x, y = splits.data()
    splits.checked(old, x, y, old.output_dense, activation is not None, head=head)


def test_an_image_classifier_of_keras_hub():
    hub = pytest.importorskip("keras_hub")
    inner = hub.models.ResNetBackbone(
        [64], [7], [64, 64], [1, 1], [1, 2], "basic_block", image_shape=(16, 16, 3)
    )
    old = hub.models.ImageClassifier(backbone=inner, num_classes=toys.CLASSES)
    x = np.random.RandomState(0).rand(2, 16, 16, 3).astype("float32")
    splits.assert_same_logits(old, spa.SpAModel.from_model(old), x)
