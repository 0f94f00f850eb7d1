"""The networks of keras.applications, small and untrained."""

import keras
import numpy as np
import pytest
import splits
from keras import applications, layers

import keras_spa as spa

# What splits is the same everywhere, and elsewhere these networks take minutes.
pytestmark = [pytest.mark.slow, pytest.mark.once]
SHAPE, K = (32, 32, 3), 4


def images():
    random = np.random.RandomState(0)
    y = np.arange(8) % K
    return (255 * random.rand(8, *SHAPE)).astype("float32"), y


def network(name, **options):
    make = getattr(applications, name)
    return make(weights=None, input_shape=SHAPE, classes=K, **options)


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("ResNet50", "softmax"),
        ("EfficientNetB0", None),
        ("MobileNetV2", "softmax"),
        ("ConvNeXtTiny", None),
    ],
)
def test_split_at_the_head(name, activation):
    old = network(name, classifier_activation=activation)
    model = spa.SpAModel.from_model(old, spa.SpASLERP(0.5))
    x = images()[0][:2]
    splits.assert_same_logits(old, model, x, softmax=activation is not None)
    splits.assert_same_variables(old, model)
    assert model.aligned_kernel is old.layers[-1].kernel


def test_a_nested_network_is_trained_from_end_to_end(tmp_path):
    """MobileNetV2 as one layer of a Sequential, in its narrowest width."""
    inner = network("MobileNetV2", include_top=False, alpha=0.35)
    head = layers.Dense(K, "softmax")
    old = keras.Sequential(
        [keras.Input(SHAPE), layers.Rescaling(1 / 255), inner]
        + [layers.GlobalAveragePooling2D(), layers.Dropout(0.2), head]
    )
    x, y = images()
    model = spa.SpAModel.from_model(old, [spa.SpASLERP(0.5), spa.SpAProj()])
    splits.assert_same_logits(old, model, x, softmax=True)
    splits.assert_trains_the_old_model(model, x, y, head, dropout=True)
    splits.assert_same_logits(old, model, x, softmax=True)
    loaded = splits.reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(splits.host(loaded(x)), splits.host(model(x)))


@pytest.mark.parametrize(
    ("name", "convolution"),
    [("MobileNet", "conv_preds"), ("MobileNetV3Small", "logits")],
)
def test_a_convolution_as_head_is_refused_with_what_to_do(name, convolution):
    old = network(name)
    with pytest.raises(ValueError, match="Replace the convolution") as caught:
        spa.SpAModel.from_model(old)
    assert f"model.get_layer('{convolution}').input" in str(caught.value)
    kernel, bias = old.get_layer(convolution).get_weights()
    features = layers.Flatten()(old.get_layer(convolution).input)
    model = spa.SpAModel(keras.Model(old.input, features), layers.Dense(K))
    model.classifier.set_weights([kernel[0, 0], bias])
    probabilities = keras.ops.softmax(model(images()[0]))
    np.testing.assert_allclose(
        splits.host(probabilities), splits.host(old(images()[0])), atol=1e-6
    )
