"""LoRA: in the backbone as in plain Keras, and no head that alignment moves."""

import keras
import numpy as np
import toys

import keras_spa as spa

X, Y = toys.data(32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def plain(low_rank=False):
    layers = [keras.Input((toys.INPUTS,)), toys.dense(toys.INPUTS, toys.FEATURES)]
    model = keras.Sequential([*layers, toys.dense(toys.FEATURES, toys.CLASSES)])
    if low_rank:
        model.layers[-1].enable_lora(2)
    return model


def test_merged_weights_can_be_aligned():
    old = plain(low_rank=True)
    old.compile("sgd", LOSS)
    old.fit(X, Y, verbose=0)
    expected = old.predict(X, verbose=0)
    head = keras.layers.Dense(toys.CLASSES)
    new = keras.Sequential([*old.layers[:-1], head])
    new.build(old.input_shape)
    head.set_weights([old.layers[-1].kernel, old.layers[-1].bias])
    model = spa.SpAModel.from_model(new, "spa_reg")
    actual = model.predict(X, verbose=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_in_the_backbone_it_trains():
    model = plain()
    model.layers[0].enable_lora(2)
    before = model.predict(X, verbose=0)
    matrices = [keras.ops.convert_to_numpy(v).copy() for v in model.layers[0].variables]
    trained = spa.SpAModel.from_model(model, "spa_proj")
    trained.compile("sgd", LOSS)
    trained.fit(X, Y, epochs=2, verbose=0)
    pairs = zip(matrices, model.layers[0].variables, strict=True)
    changed = [not np.array_equal(old, new) for old, new in pairs]
    assert changed == [False, True, True, True]  # kernel; bias and LoRA's matrices
    assert not np.allclose(before, model.predict(X, verbose=0))
