"""Against the numbers of `SpAModel`: layers/test_spa_dense_in_models.py."""

import keras
import numpy as np
import pytest
import toys
from keras import ops

import keras_spa as spa

CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def two_heads(**optimizer):
    """A model whose two heads turn towards their class means, and do nothing else."""
    image, label = keras.Input((toys.INPUTS,)), keras.Input((), dtype="int32")
    slerp = spa.SpASLERP.paper(0.5, threshold=1.0)
    heads = [spa.layers.SpADense(toys.CLASSES, slerp) for _ in range(2)]
    inner = keras.Model([image, label], heads[1](image, label))  # one lies deeper
    logits = heads[0](image, label) + inner([image, label])
    model = keras.Model([image, label], logits)
    model.compile(keras.optimizers.SGD(0.0, **optimizer), CROSS_ENTROPY)
    return model, heads


def kernels(heads):
    return [np.array(ops.convert_to_numpy(head.kernel)) for head in heads]


def fit(model, batches):
    x, y = toys.data(16 * batches)
    update = spa.callbacks.ApplyUpdate()
    model.fit([x, y], y, batch_size=16, shuffle=False, verbose=0, callbacks=[update])


def test_every_head_turns_towards_its_means():
    model, heads = two_heads()
    before = kernels(heads)
    fit(model, batches=1)
    for head, old, new in zip(heads, before, kernels(heads), strict=True):
        turned = spa.SpASLERP.paper(0.5, 1.0).update_weights(
            old.T, head.class_means.statistics, step=1
        )
        np.testing.assert_allclose(new, ops.convert_to_numpy(turned).T, rtol=1e-4)
        assert np.abs(new - old).max() > 0.01


@pytest.mark.parametrize(("batches", "moves"), [(1, False), (2, True)])
def test_batches_that_only_add_to_the_gradient_bring_no_update(batches, moves):
    model, heads = two_heads(gradient_accumulation_steps=2)
    before = kernels(heads)
    fit(model, batches)
    for old, new in zip(before, kernels(heads), strict=True):
        assert (np.abs(new - old).max() > 0.01) == moves


def test_a_model_that_has_no_use_for_it_is_refused():
    plain = keras.Sequential([keras.Input((toys.INPUTS,)), keras.layers.Dense(4)])
    plain.compile("sgd", CROSS_ENTROPY)
    for model in (plain, toys.model()):
        with pytest.raises(ValueError, match=r"a layers.SpADense.*Received: \w+ named"):
            model.fit(*toys.data(), callbacks=[spa.callbacks.ApplyUpdate()], verbose=0)
