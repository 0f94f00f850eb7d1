import keras
import numpy as np
import pytest
from keras import ops

import keras_spa as spa

BACKEND = keras.backend.backend()
IMAGES = np.random.RandomState(0).randn(4, 7, 6, 4).astype("float32")
KINDS = {
    "plain": {},
    "same": {"padding": "same"},
    "strides": {"strides": 2},
    "uneven padding": {"strides": (2, 2), "padding": "same"},
    "dilated": {"dilation_rate": 2, "padding": "same"},
    "groups": {"groups": 2},
    "even kernel": {"kernel_size": (2, 4), "padding": "same"},
    "no bias": {"use_bias": False},
    "activation": {"activation": "relu"},
}


def trained(kind, **arguments):
    """Outputs before and after two steps of training, and weights."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4), kind(**arguments)]
    model = keras.Sequential([keras.Input((7, 6, 4)), *layers])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.predict(IMAGES, verbose=0)
    model.fit(IMAGES, np.ones_like(before), epochs=2, verbose=0)
    weights = [ops.convert_to_numpy(w) for w in model.weights]
    return [before, model.predict(IMAGES, verbose=0), *weights]


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_as_keras_does(kind):
    arguments = {"filters": 6, "kernel_size": 3, **KINDS[kind]}
    ours, theirs = (
        trained(of, **arguments) for of in (spa.layers.Conv2D, keras.layers.Conv2D)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, 1e-4, 1e-5)


@pytest.mark.skipif(BACKEND == "tensorflow", reason="needs a GPU on TensorFlow")
def test_so_it_does_channels_first():
    layers = [
        of(6, 3, data_format="channels_first", kernel_initializer="ones")
        for of in (spa.layers.Conv2D, keras.layers.Conv2D)
    ]
    ours, theirs = (ops.convert_to_numpy(layer(IMAGES)) for layer in layers)
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-5)


@pytest.mark.skipif(BACKEND != "torch", reason="about PyTorch")
@pytest.mark.parametrize("layer", [spa.layers.Conv2D, keras.layers.Conv2D])
def test_images_are_not_copied(layer):
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Copies(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            made = function(*args, **(kwargs or {}))
            copies = function.overloadpacket in (torch.ops.aten.clone,)
            self.found += copies and made.numel() >= IMAGES.size
            return made

    layer = layer(6, 3, padding="same")
    images = ops.convert_to_tensor(IMAGES)
    layer(images)
    with Copies() as copies:
        layer(images)
    assert bool(copies.found) == (type(layer) is keras.layers.Conv2D)


def test_inputs_of_other_types_are_named():
    with pytest.raises(ValueError, match="inputs"):
        spa.layers.Conv2D(6, 3)(IMAGES + 1j)
