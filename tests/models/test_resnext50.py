import math
import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_spa.models import resnext50


def numpy_conv(x, kernel, stride, groups):
    """Output pixel by output pixel, group by group; padded alike on both sides."""
    size, pad = kernel.shape[0], kernel.shape[0] // 2
    x = np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    sides = [(length - size) // stride + 1 for length in x.shape[1:3]]
    y = np.zeros((len(x), *sides, kernel.shape[-1]))
    ins, outs = (channels // groups for channels in (x.shape[-1], kernel.shape[-1]))
    for group in range(groups):
        of, to = (slice(group * n, (group + 1) * n) for n in (ins, outs))
        for i in range(sides[0]):
            for j in range(sides[1]):
                top, left = i * stride, j * stride
                window = x[:, top : top + size, left : left + size, of]
                y[:, i, j, to] = np.einsum("bhwc,hwco->bo", window, kernel[..., to])
    return y


def in_order_of_creation(model):
    """Weights of convolutions and normalisations, which Keras numbers, in turn."""

    def of(kind):
        layers = [layer for layer in model.layers if isinstance(layer, kind)]
        layers.sort(key=lambda layer: int(re.findall(r"\d*$", layer.name)[0] or 0))
        return [[ops.convert_to_numpy(w) for w in layer.weights] for layer in layers]

    return of(keras.layers.Conv2D), of(keras.layers.BatchNormalization)


def numpy_forward(model, x, groups):
    """The network in NumPy, at inference."""
    kernels, norms = in_order_of_creation(model)

    def conv_bn(x, stride=1, groups=1):
        (kernel,), (gamma, beta, mean, variance) = kernels.pop(0), norms.pop(0)
        y = numpy_conv(x, kernel, stride, groups)
        return gamma * (y - mean) / np.sqrt(variance + 1e-5) + beta

    x = np.maximum(conv_bn(x, 2), 0)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    x = windows[:, ::2, ::2].max(axis=(-1, -2))
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = np.maximum(conv_bn(x), 0)
            y = np.maximum(conv_bn(y, stride, groups), 0)
            y = conv_bn(y)
            x = np.maximum((x if block else conv_bn(x, stride)) + y, 0)
    assert not kernels
    return x.mean(axis=(1, 2))


def test_it_has_the_size_of_the_literature():
    model = resnext50()
    numbers = sum(math.prod(w.shape) for w in model.trainable_weights)
    assert numbers == 22_979_904  # with a classifier of 1,000 classes 25,028,904
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 2048)
    assert model.name == "resnext50_32x4d"
    maps = {
        layer.output.shape[1] for layer in model.layers if len(layer.output.shape) > 2
    }
    assert {112, 56, 28, 14, 7} <= maps


@pytest.mark.slow
def test_matches_numpy():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = resnext50((32, 40, 3), groups=2, group_width=3)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    images = rng.normal(size=(2, 32, 40, 3))
    expected = numpy_forward(model, images, 2)
    got = ops.convert_to_numpy(model(images.astype("float32"), training=False))
    np.testing.assert_allclose(
        got / expected.std(), expected / expected.std(), atol=1e-3
    )


@pytest.mark.slow
def test_gradients_pass_through_its_groups():
    backbone = resnext50((32, 32, 3), groups=2, group_width=2)
    model = keras.Sequential([backbone, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01), loss)
    before = [ops.convert_to_numpy(w) for w in model.trainable_weights]
    model.fit(np.random.rand(4, 32, 32, 3), np.array([0, 1, 0, 1]), verbose=0)
    for old, new in zip(before, model.trainable_weights, strict=True):
        assert np.any(old != ops.convert_to_numpy(new)), new.path
