import numpy as np
import pytest
from contrastive import formula
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import balanced_contrastive

B, V, K, E, T = 6, 2, 4, 5, 0.3
RNG = np.random.default_rng(0)
EMBEDDINGS = RNG.normal(size=(B, V, E)).astype("float32")
PROTOTYPES = RNG.normal(size=(K, E)).astype("float32")
LABELS = np.array([0, 0, 1, 0, 3, 1])  # of class 2 there is no image, of 3 there is one


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype("float32")])
def test_matches_the_formula_image_by_image(labels):
    losses = balanced_contrastive(EMBEDDINGS, labels, PROTOTYPES, T)
    assert ops.dtype(losses) == "float32"
    expected = formula(EMBEDDINGS, LABELS, PROTOTYPES, T)
    np.testing.assert_allclose(ops.convert_to_numpy(losses), expected, rtol=1e-5)


def test_any_number_of_views():
    for views in (1, 3):
        embeddings = RNG.normal(size=(B, views, E)).astype("float32")
        losses = balanced_contrastive(embeddings, LABELS, PROTOTYPES, T)
        expected = formula(embeddings, LABELS, PROTOTYPES, T)
        np.testing.assert_allclose(ops.convert_to_numpy(losses), expected, rtol=1e-5)


def test_gradients_match_finite_differences():
    slopes = gradient(
        lambda e, p: ops.mean(balanced_contrastive(e, LABELS, p, T)),
        EMBEDDINGS,
        PROTOTYPES,
    )
    expected = (
        numeric_gradient(
            lambda e: formula(e, LABELS, PROTOTYPES, T).mean(), EMBEDDINGS
        ),
        numeric_gradient(
            lambda p: formula(EMBEDDINGS, LABELS, p, T).mean(), PROTOTYPES
        ),
    )
    for slope, wanted in zip(slopes, expected, strict=True):
        np.testing.assert_allclose(slope, wanted, rtol=1e-3, atol=1e-5)


def test_lengths_do_not_count_and_half_precision_is_float32_inside():
    scaled = balanced_contrastive(7 * EMBEDDINGS, LABELS, 0.1 * PROTOTYPES, T)
    plain = balanced_contrastive(EMBEDDINGS, LABELS, PROTOTYPES, T)
    np.testing.assert_allclose(
        ops.convert_to_numpy(scaled), ops.convert_to_numpy(plain), rtol=1e-5
    )
    half = [ops.cast(array, "float16") for array in (EMBEDDINGS, PROTOTYPES)]
    losses = balanced_contrastive(half[0], LABELS, half[1], T)
    assert ops.dtype(losses) == "float32"
    np.testing.assert_allclose(
        ops.convert_to_numpy(losses), ops.convert_to_numpy(plain), rtol=1e-2
    )


def test_small_temperatures_and_zero_embeddings_are_finite():
    embeddings = EMBEDDINGS.copy()
    embeddings[0] = 0
    slope = gradient(
        lambda e: ops.sum(balanced_contrastive(e, LABELS, PROTOTYPES, 0.01)), embeddings
    )
    assert np.isfinite(slope).all()


def test_a_class_weighs_alike_however_many_images_it_has():
    """Collapsed on a simplex ETF, no number of images of another class matters."""
    etf = spa.theory.simplex_etf(K, E)
    for labels in ([0, 1], [0, 1, 1, 1, 1, 1]):
        embeddings = np.repeat(etf[labels][:, None], V, axis=1)
        losses = balanced_contrastive(embeddings, np.array(labels), etf, 1.0)
        expected = np.log(1 + (K - 1) * np.exp(-K / (K - 1)))
        np.testing.assert_allclose(ops.convert_to_numpy(losses), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.zeros((B, E))}, "`embeddings` must have shape.*Received"),
        ({"embeddings": np.zeros((B, V, 3))}, "`embeddings` must have shape.*Received"),
        ({"embeddings": np.zeros((B, 0, E))}, "`embeddings`.*V at least 1.*Received"),
        ({"prototypes": np.zeros(E)}, "`prototypes` must have shape.*Received"),
        ({"labels": np.full((B, K), 0.25)}, "`labels` must be integers.*Received"),
        ({"labels": np.full(B, K)}, "`labels` must be integers in 0..3.*Received"),
        ({"labels": np.zeros((B, 3))}, "`labels` must be integers.*Received"),
        ({"temperature": 0.0}, "`temperature` must be a positive.*Received"),
    ],
)
def test_bad_arguments_are_named(change, message):
    given = {"embeddings": EMBEDDINGS, "labels": LABELS, "prototypes": PROTOTYPES}
    with pytest.raises(ValueError, match=f"Argument {message}"):
        balanced_contrastive(**{**given, **change})
