import inspect

import keras
import numpy as np
import pytest
from keras import ops

import keras_spa as spa

BACKEND = keras.backend.backend()
IMAGES = np.random.RandomState(0).randn(5, 3, 4, 6).astype("float32") * 3 + 2
OTHER = np.random.RandomState(1).randn(5, 3, 4, 6).astype("float32")
KINDS = {
    "plain": {},
    "of another momentum": {"momentum": 0.3, "epsilon": 0.1},
    "of another axis": {"axis": 1},
    "without scale": {"scale": False},
    "without center": {"center": False},
    "float64": {"dtype": "float64"},
}
if "renorm" in inspect.signature(keras.layers.BatchNormalization).parameters:
    KINDS["renorm"] = {"renorm": True}  # older releases of Keras have none


def trained(layer, images=IMAGES, steps=3, **compiled):
    """Outputs and weights after steps that draw outputs to given ones, by its class."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(images.shape[1:]), keras.layers.Dense(6)])
    model.add(layer)
    model.compile(keras.optimizers.SGD(0.1), "mse", **compiled)
    data = images, np.resize(OTHER, images.shape)
    model.fit(*data, epochs=steps, batch_size=len(images), verbose=0)
    weights = [ops.convert_to_numpy(w) for w in model.weights]
    return [model.predict(images, verbose=0), *weights]


def assert_trains_like_keras(images=IMAGES, tolerance=1e-4, compiled=None, **arguments):
    ours, theirs = (
        trained(of(**arguments), images, **(compiled or {}))
        for of in (spa.layers.BatchNormalization, keras.layers.BatchNormalization)
    )
    for one, other in zip(ours, theirs, strict=True):
        one, other = (np.asarray(array, "float64") for array in (one, other))
        np.testing.assert_allclose(one, other, tolerance, tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_it_trains_as_keras_does(kind):
    assert_trains_like_keras(**KINDS[kind])


@pytest.mark.parametrize("images", [IMAGES[:, 0, 0], IMAGES[:, 0], IMAGES[:1, :1, :1]])
def test_so_it_does_on_vectors_sequences_and_a_single_pixel(images):
    assert_trains_like_keras(images)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_so_it_does_in_mixed_precision(policy):
    assert_trains_like_keras(tolerance=3e-2, dtype=policy)


@pytest.mark.slow
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch has no XLA")
def test_so_it_does_under_xla():
    assert_trains_like_keras(compiled={"jit_compile": True})


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has no operation for it")
@pytest.mark.parametrize("kind", KINDS)
def test_it_uses_the_operation_of_the_backend_where_that_fits(kind, monkeypatch):
    called = []
    module = __import__(BACKEND)
    place, name = {
        "tensorflow": lambda: (module.raw_ops, "FusedBatchNormV3"),
        "torch": lambda: (module, "batch_norm"),
    }[BACKEND]()
    operation = getattr(place, name)

    def spy(*args, **kwargs):
        called.append(name)
        return operation(*args, **kwargs)

    monkeypatch.setattr(place, name, spy)
    layer = spa.layers.BatchNormalization(**KINDS[kind])
    layer(IMAGES, training=False)
    assert not called
    layer(IMAGES, training=True)
    assert bool(called) == (kind in ("plain", "of another momentum"))
    layer.trainable = False
    before = [ops.convert_to_numpy(w) for w in layer.weights]
    layer(IMAGES, training=True)
    assert len(called) < 2
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(weight), old)


def test_a_mask_is_heeded():
    layers = spa.layers.BatchNormalization(), keras.layers.BatchNormalization()
    mask = np.arange(60).reshape(5, 3, 4) % 3 > 0
    ours, theirs = (
        ops.convert_to_numpy(a(IMAGES, training=True, mask=mask)) for a in layers
    )
    np.testing.assert_allclose(ours, theirs, 1e-5, 1e-5)


def test_inputs_of_other_types_are_named():
    with pytest.raises(ValueError, match="inputs"):
        spa.layers.BatchNormalization()(IMAGES + 1j, training=True)
