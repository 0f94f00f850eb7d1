"""Losses compute in 32 bits or more: in 16, labels and formulas lose their numbers."""

import keras
import numpy as np
import pytest
from keras import ops
from loss_formulas import EVERY_LOSS, LABELS, LOGITS

from keras_spa.losses import BalancedSoftmax


@EVERY_LOSS
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_bfloat16", "int32"])
def test_fewer_bits_are_refused(make, formula, dtype):
    """Before, in bfloat16, class 257 counted as 256, and ARB was NaN in float16."""
    with pytest.raises(ValueError, match=f"`dtype` must be float32.*Received.*{dtype}"):
        make(dtype=dtype)


@EVERY_LOSS
def test_wide_ones_are_taken(make, formula):
    for dtype in (None, "float32", keras.DTypePolicy("float32")):
        assert make(dtype=dtype).dtype == "float32"


@EVERY_LOSS
@pytest.mark.parametrize("floatx", ["float16", "bfloat16"])
def test_a_floatx_of_16_bits_leaves_them_in_float32(make, formula, floatx):
    expected = float(make()(LABELS, LOGITS))
    keras.config.set_floatx(floatx)
    try:
        loss = make()
        assert loss.dtype == "float32"
        assert float(loss(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-6)
    finally:
        keras.config.set_floatx("float32")


def test_labels_of_many_classes_stay_themselves_under_a_small_floatx():
    logits = np.where(np.arange(1000) == 257, 20, 0) * np.ones((3, 1), "float32")
    keras.config.set_floatx("bfloat16")
    try:
        loss = BalancedSoftmax([1] * 1000, reduction=None)
        each = ops.convert_to_numpy(loss(np.array([257, 257, 256]), logits))
    finally:
        keras.config.set_floatx("float32")
    np.testing.assert_allclose(each, [0, 0, 20], atol=1e-3)
