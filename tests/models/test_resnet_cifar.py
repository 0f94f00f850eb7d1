import keras
import numpy as np
import pytest
from keras import ops

from keras_spa.models import resnet_cifar


def expected_params(depth, width, shortcut):
    """Kernels of the convolutions and four numbers a channel of each normalization."""
    total = 9 * 3 * width + 4 * width
    before = width
    for stage in range(3):
        channels = width * 2**stage
        for _ in range((depth - 2) // 6):
            total += 9 * before * channels + 9 * channels**2 + 8 * channels
            if before != channels and shortcut == "conv":
                total += before * channels + 4 * channels
            before = channels
    return total


@pytest.mark.parametrize("shortcut", ["pad", "conv"])
@pytest.mark.parametrize(("depth", "width"), [(8, 16), (20, 16), (44, 16)])
def test_parameters_and_shapes(depth, width, shortcut):
    model = resnet_cifar(depth, width, shortcut)
    assert model.count_params() == expected_params(depth, width, shortcut)
    assert model.input_shape == (None, 32, 32, 3)
    assert model.output_shape == (None, 4 * width)
    assert model.name == f"resnet{depth}_width{width}"


@pytest.mark.parametrize(("width", "millions"), [(16, 0.47), (64, 7.4)])
def test_resnet32_has_the_sizes_of_the_literature(width, millions):
    backbone = resnet_cifar(depth=32, width=width)
    model = keras.Sequential([backbone, keras.layers.Dense(100)])
    assert model.count_params() / 1e6 == pytest.approx(millions, rel=0.02)


def numpy_forward(model, x):
    """The network with "pad" shortcuts in NumPy, at inference."""
    layers = [
        [ops.convert_to_numpy(w) for w in layer.weights]
        for layer in model.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.BatchNormalization))
    ]

    def conv_bn(x, stride=1):
        (kernel,), (gamma, beta, mean, variance) = layers.pop(0), layers.pop(0)
        padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        y = np.zeros((*x.shape[:3], kernel.shape[-1]))
        for i in range(x.shape[1]):
            for j in range(x.shape[2]):
                window = padded[:, i : i + 3, j : j + 3]
                y[:, i, j] = np.einsum("bhwc,hwco->bo", window, kernel)
        y = y[:, ::stride, ::stride]
        return gamma * (y - mean) / np.sqrt(variance + 1e-5) + beta

    x = np.maximum(conv_bn(x), 0)
    while layers:
        channels = layers[0][0].shape[-1]
        stride = 1 if channels == x.shape[-1] else 2
        y = conv_bn(np.maximum(conv_bn(x, stride), 0))
        if stride == 2:
            zeros = np.zeros((*x[:, ::2, ::2].shape[:3], channels // 4))
            x = np.concatenate([zeros, x[:, ::2, ::2], zeros], axis=-1)
        x = np.maximum(x + y, 0)
    return x.mean(axis=(1, 2))


def test_matches_numpy_with_padded_shortcuts():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = resnet_cifar(depth=20, input_shape=(8, 8, 3))
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    images = rng.normal(size=(2, 8, 8, 3))
    expected = numpy_forward(model, images)
    result = ops.convert_to_numpy(model(images.astype("float32"), training=False))
    np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


def as_it_was(depth, width):
    """The network as it once was: of Keras' layers, with padding before each."""
    layers = keras.layers

    def conv_bn(x, channels, stride=1):
        x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(channels, 3, stride, use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(conv_bn(inputs, width))
    for stage in range(3):
        for block in range((depth - 2) // 6):
            channels, stride = width * 2**stage, 1 + (stage > 0 and block == 0)
            y = conv_bn(layers.ReLU()(conv_bn(x, channels, stride)), channels)
            if stride > 1:
                sides = [(0, 0)] * 3 + [(channels // 4, channels // 4)]
                x = ops.pad(x[:, ::2, ::2], sides)
            x = layers.ReLU()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x))


def test_files_of_keras_layers_load_and_give_the_same(tmp_path):
    images = np.random.default_rng(0).normal(size=(4, 32, 32, 3)).astype("float32")
    head = keras.layers.Dense(3)
    old = keras.Sequential([as_it_was(8, 16), head])
    old.compile(keras.optimizers.SGD(0.1), "mse")
    old.fit(images, np.ones((4, 3)), epochs=2, verbose=0)  # moves the statistics
    old.layers[0].save_weights(tmp_path / "old.weights.h5")
    old.layers[0].save(tmp_path / "old.keras")
    new = resnet_cifar(8)
    new.load_weights(tmp_path / "old.weights.h5")
    new.save(tmp_path / "new.keras")
    expected = old.layers[0].predict(images, verbose=0)
    assert expected.std() > 0
    loaded = [keras.models.load_model(tmp_path / f"{n}.keras") for n in ("old", "new")]
    for model in (new, *loaded):
        result = model.predict(images, verbose=0)
        np.testing.assert_allclose(result, expected, 1e-4, 1e-5)


def test_it_trains_as_keras_layers_do():
    images = np.random.default_rng(0).normal(size=(8, 32, 32, 3)).astype("float32")
    old, new = as_it_was(8, 16), resnet_cifar(8)
    new.set_weights(old.get_weights())
    for model in (old, new):
        model.compile(keras.optimizers.SGD(0.01), "mse")
        model.fit(images, np.ones((8, 64)), epochs=3, verbose=0)
    for one, other in zip(new.weights, old.weights, strict=True):
        one, other = map(ops.convert_to_numpy, (one, other))
        np.testing.assert_allclose(one, other, 1e-3, 1e-4)
