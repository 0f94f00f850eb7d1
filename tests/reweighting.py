"""What the tests of DeferredReweighting share: counts, weights and small models."""

import keras
import numpy as np
import toys

from keras_spa.callbacks import DeferredReweighting

COUNTS, BETA = [400, 90, 30, 5], 0.99


def weights_by_loop(counts=COUNTS, beta=BETA):
    """Normalised (1−β)/(1−β^n), one class at a time."""
    weights = [(1 - beta) / (1 - beta**n) for n in counts]
    return [w * len(counts) / sum(weights) for w in weights]


def long_tailed(samples=48):
    """`toys.data` whose batches are mostly of class 0, each of others' shares."""
    x, y = toys.data(samples)
    return x, np.where(np.arange(samples) % 16 < 6 + np.arange(samples) // 16, 0, y)


def in_batches(weights, given=None, size=16):
    """What the loss is given of a batch: s·w·(Σ s / Σ s·w), one batch at a time."""
    given, result = np.ones(len(weights)) if given is None else given, []
    for start in range(0, len(weights), size):
        s, w = given[start : start + size], weights[start : start + size]
        norm = sum(s) / sum(a * b for a, b in zip(s, w, strict=True))
        result += [a * b * norm for a, b in zip(s, w, strict=True)]
    return np.array(result)


def plain_model(optimizer=None, loss=None, compiled=None):
    model = keras.Sequential(
        [
            keras.Input((toys.INPUTS,)),
            toys.dense(toys.INPUTS, toys.FEATURES, "tanh"),
            toys.dense(toys.FEATURES, toys.CLASSES),
        ]
    )
    model.compile(
        optimizer or keras.optimizers.SGD(0.2, momentum=0.9),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        **(compiled or {}),
    )
    return model


def spa_model(*args, **kwargs):
    return toys.model(toys.all_alignments(), *args, **kwargs)


def fit(model, x, y, epochs, **kwargs):
    settings = {"batch_size": 16, "shuffle": False, "verbose": 0}
    return model.fit(x, y, epochs=epochs, **settings, **kwargs).history


def drw(epoch, **kwargs):
    return DeferredReweighting(epoch, COUNTS, **{"beta": BETA, **kwargs})


def assert_same_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def assert_differ(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    assert any(not np.allclose(a, b, atol=1e-3) for a, b in pairs)
