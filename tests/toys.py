"""Small data and models that several tests share."""

import keras
import numpy as np

import keras_spa as spa

INPUTS, FEATURES, CLASSES = 6, 5, 4
# For `compile`, where no graph is tested: TensorFlow takes a second to make one.
EAGER = {"run_eagerly": True}


def data(samples=48, seed=0):
    """Four separable clusters: x (samples, 6) float32, y (samples,) int32."""
    random = np.random.RandomState(seed)
    y = (np.arange(samples) % CLASSES).astype("int32")
    x = random.randn(CLASSES, INPUTS)[y] + 0.5 * random.randn(samples, INPUTS)
    return x.astype("float32"), y


def dense(inputs, units, activation=None):
    """A Dense layer with the same weights on every backend."""
    layer = keras.layers.Dense(units, activation)
    layer.build((None, inputs))
    kernel = np.random.RandomState(units).randn(inputs, units) / np.sqrt(inputs)
    layer.set_weights([kernel, np.zeros(units)])
    return layer


def backbone():
    return keras.Sequential(
        [keras.Input((INPUTS,)), dense(INPUTS, FEATURES, activation="tanh")]
    )


def model(alignment=None, optimizer=None, loss=None, compiled=None, **kwargs):
    """A compiled SpAModel with the same initial weights at every call."""
    classifier = dense(FEATURES, CLASSES)
    toy = spa.SpAModel(backbone(), classifier, alignment, **kwargs)
    toy.compile(
        optimizer or keras.optimizers.SGD(0.2, momentum=0.9),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **(compiled or {}),
    )
    return toy


def all_alignments(steps=10):
    return [
        spa.SpAReg(0.5),
        spa.SpASLERP(spa.CosineRamp(0.3, steps)),
        spa.SpAProj(0.4),
    ]


def fit(model, x, y, epochs=2, **kwargs):
    return model.fit(
        x, y, batch_size=16, epochs=epochs, shuffle=False, verbose=0, **kwargs
    )


def state(toy):
    """All variables of the model as NumPy arrays, by a name of their own."""
    return {v.path: v.numpy() for v in toy.variables}


def assert_same_state(one, other, **tolerance):
    """Trainable weights and class means of two models agree."""
    pairs = [
        *zip(one.trainable_variables, other.trainable_variables, strict=True),
        *zip(one.class_means.weights, other.class_means.weights, strict=True),
    ]
    for a, b in pairs:
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(a), keras.ops.convert_to_numpy(b), **tolerance
        )


class OneBatch(keras.utils.PyDataset):
    """A source of one batch an epoch."""

    def __init__(self, *batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch
