"""A model with nothing to train: its class means are collected, its logs written."""

import keras
import numpy as np
import pytest
import small_glmc
import toys

X, Y = toys.data(48)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("eager", [False, True])
def test_fit_collects_the_class_means(policy, eager):
    """Before, TensorFlow and PyTorch ended in an error."""
    keras.config.set_dtype_policy(policy)
    model = toys.model(compiled={"run_eagerly": eager})
    still = toys.model(None, keras.optimizers.SGD(0.0), compiled=toys.EAGER)
    model.trainable = False
    logs, expected = (toys.fit(one, X, Y).history for one in (model, still))
    means, others = (
        [keras.ops.convert_to_numpy(w) for w in one.class_means.weights]
        for one in (model, still)
    )
    assert means[0].any()
    for one, other in zip(means, others, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    for name, values in expected.items():
        np.testing.assert_allclose(logs[name], values, atol=1e-3)


def test_glmc():
    model = small_glmc.glmc("spa_reg")
    model.trainable = False
    logs = model.train_on_batch(*small_glmc.plain_views(), return_dict=True)
    assert np.isfinite(logs["loss"])
