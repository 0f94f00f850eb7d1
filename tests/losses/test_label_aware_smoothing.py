import keras
import numpy as np
import pytest
from keras import ops

from keras_spa.losses import LabelAwareSmoothing

COUNTS = [500, 300, 100]
LABELS = np.array([0, 1, 2, 2])
LOGITS = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize(
    ("shape", "middle"),
    [
        ("concave", 0.1 + 0.3 * np.sin(np.pi / 4)),
        ("linear", 0.25),
        ("convex", 0.4 + 0.3 * np.sin(1.5 * np.pi + np.pi / 4)),
    ],
)
def test_smoothing_goes_from_tail_to_head_along_its_shape(shape, middle):
    loss = LabelAwareSmoothing(COUNTS, 0.4, 0.1, shape)
    smoothing = ops.convert_to_numpy(loss.smoothing)
    np.testing.assert_allclose(smoothing, [0.4, middle, 0.1], rtol=1e-6)


@pytest.mark.parametrize("counts", [COUNTS, [7, 7, 7]])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_one_smoothing_for_all_is_that_of_keras(counts, share):
    ours = LabelAwareSmoothing(counts, share, share if counts is COUNTS else 0.0)
    theirs = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=share
    )
    expected = float(theirs(np.eye(3)[LABELS], LOGITS))
    assert float(ours(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-5)
