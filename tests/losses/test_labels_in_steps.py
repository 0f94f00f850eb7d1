"""A label that is none makes a loss NaN where a compiled step cannot refuse it.

Before, JAX counted such samples as right, and the loss fell.
"""

import keras
import numpy as np
import pytest
from keras import ops
from loss_formulas import EVERY_LOSS, LABELS, LOGITS, SOFT, B, K

import keras_spa as spa
from keras_spa.losses import balanced_contrastive

SHARES = np.array(SOFT, "float32")


def wrong(labels, value):
    labels = np.array(labels, "float32")
    labels[3] = value
    return labels


WRONG = {
    "K": wrong(LABELS, K),
    "-1": wrong(LABELS, -1),
    "far away": wrong(LABELS, 255),
    "a fraction": wrong(LABELS, 0.5),
    "nan": wrong(LABELS, np.nan),
    "(B, 1)": wrong(LABELS, K)[:, None],
    "negative shares": wrong(SHARES, -0.5),
    "shares of nan": wrong(SHARES, np.nan),
}
EVERY_LABEL = pytest.mark.parametrize("kind", WRONG)


@pytest.fixture(autouse=True)
def values_cannot_be_read(monkeypatch):
    monkeypatch.setattr(spa._label_checks, "check_if_known", lambda *_: None)


def in_a_step(function, *arguments):
    """As TensorFlow on a GPU and JAX compile it."""
    tensors = list(map(ops.convert_to_tensor, arguments))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)(*tensors)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)(*tensors)
    return function(*tensors)


def skip_what_torch_refuses(kind):
    indices = "K", "-1", "far away", "(B, 1)", "nan"
    if keras.backend.backend() == "torch" and kind in indices:
        pytest.skip("PyTorch itself refuses such an index")


@EVERY_LABEL
@EVERY_LOSS
def test_a_wrong_label_makes_its_loss_nan(make, formula, kind):
    skip_what_torch_refuses(kind)
    loss = make()
    loss.reduction = None
    values = np.asarray(in_a_step(loss, WRONG[kind], LOGITS))
    assert np.isnan(values[3])
    assert np.isfinite(np.delete(values, 3)).all()


@EVERY_LOSS
@pytest.mark.parametrize("labels", [LABELS, SHARES], ids=["integers", "shares"])
def test_right_labels_stay_as_they_are(make, formula, labels):
    values = np.asarray(in_a_step(make(), labels, LOGITS))
    assert np.isfinite(values)


@pytest.mark.parametrize("kind", ["a fraction", "nan"])
def test_a_wrong_label_in_a_contrast(kind):
    skip_what_torch_refuses(kind)
    random = np.random.RandomState(0)
    embeddings = random.randn(B, 2, 5).astype("float32")
    prototypes = random.randn(K, 5).astype("float32")
    values = np.asarray(
        in_a_step(balanced_contrastive, embeddings, WRONG[kind], prototypes)
    )
    assert np.isnan(values[3])
