"""What all losses have in common, each against its formula in plain float64."""

import keras
import numpy as np
import pytest
import toys
from gradients import gradient, numeric_gradient
from keras import ops
from loss_formulas import (
    ALL_LABELS,
    COUNTS,
    EVERY_LOSS,
    LABELS,
    LOGITS,
    LOSSES,
    RNG,
    SOFT,
    B,
    K,
    evaluate_formula,
)

import keras_spa as spa
from keras_spa.losses import (
    LDAM,
    BalancedSoftmax,
    ClassBalanced,
    LogitAdjusted,
)


def test_no_loss_is_forgotten():
    names = {n for n in spa.losses.__all__ if isinstance(getattr(spa.losses, n), type)}
    assert names == set(LOSSES)


@EVERY_LOSS
@ALL_LABELS
def test_matches_the_formula_sample_by_sample(make, formula, labels):
    expected = evaluate_formula(formula, labels, LOGITS)
    each = ops.convert_to_numpy(make(reduction=None)(labels, LOGITS))
    assert each.shape == (B,)
    # A float32 of 20·50 is exact to 1e-4 at best.
    np.testing.assert_allclose(each, expected, rtol=1e-5, atol=3e-4)
    each = ops.convert_to_numpy(make(reduction=None)(labels, LOGITS / 50))
    expected = evaluate_formula(formula, labels, LOGITS / 50)
    np.testing.assert_allclose(each, expected, rtol=1e-5, atol=1e-5)


@EVERY_LOSS
@ALL_LABELS
def test_gradient_matches_finite_differences(make, formula, labels):
    logits = LOGITS / 25
    slope = gradient(lambda z: make()(labels, z), logits)
    expected = numeric_gradient(
        lambda z: evaluate_formula(formula, labels, z).mean(), logits
    )
    np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-5)


@EVERY_LOSS
def test_gradients_at_extreme_logits_are_finite(make, formula):
    for labels in (LABELS, SOFT):
        slope = gradient(lambda z, y=labels: make()(y, z), 1e4 * LOGITS)
        assert np.isfinite(slope).all()


@EVERY_LOSS
def test_reductions_and_sample_weights_are_those_of_keras(make, formula):
    each = evaluate_formula(formula, LABELS, LOGITS)
    weight = RNG.uniform(0, 2, size=B)
    weight[:3] = 0
    expected = {
        "sum": np.sum(weight * each),
        "sum_over_batch_size": np.mean(weight * each),
        "mean_with_sample_weight": np.sum(weight * each) / np.sum(weight),
    }
    for reduction, value in expected.items():
        result = make(reduction=reduction)(LABELS, LOGITS, weight)
        assert float(result) == pytest.approx(value, rel=1e-5)
    result = make(reduction=None)(LABELS, LOGITS, weight)
    np.testing.assert_allclose(
        ops.convert_to_numpy(result), weight * each, rtol=1e-5, atol=1e-3
    )


@EVERY_LOSS
def test_half_precision_logits_give_a_float32_loss(make, formula):
    half = ops.cast(LOGITS, "float16")
    result = make()(LABELS, half)
    assert ops.dtype(result) == "float32"
    expected = evaluate_formula(formula, LABELS, ops.convert_to_numpy(half)).mean()
    assert float(result) == pytest.approx(expected, rel=1e-5)


@EVERY_LOSS
@pytest.mark.parametrize(
    ("policy", "encode"),
    [
        ("float32", lambda y: np.eye(K)[y]),
        pytest.param("mixed_bfloat16", np.asarray, marks=pytest.mark.slow),
    ],
    ids=["float32, one-hot", "mixed_bfloat16, integers"],
)
def test_a_compiled_model_trains_with_it(make, formula, policy, encode):
    keras.config.set_dtype_policy(policy)
    x, y = toys.data()
    y = encode(y)
    model = toys.model(loss=make(), optimizer=keras.optimizers.SGD(0.02))
    before = model.evaluate(x, y, verbose=0, return_dict=True)["loss"]
    assert before == pytest.approx(
        evaluate_formula(formula, y, model.predict(x, verbose=0)).mean(), rel=1e-2
    )
    model.fit(x, y, epochs=5, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] < before


@EVERY_LOSS
@pytest.mark.skipif(keras.backend.backend() != "torch", reason="compiles by PyTorch")
def test_pytorch_compiles_it_in_one_piece(make, formula):
    import torch

    labels, logits = map(ops.convert_to_tensor, (LABELS, LOGITS))
    compiled = torch.compile(make(), fullgraph=True, backend="eager")
    assert float(compiled(labels, logits)) == float(make()(labels, logits))


@EVERY_LOSS
def test_a_copy_from_its_configuration_gives_the_same_values(make, formula):
    loss = make(reduction="sum", name="mine")
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert (copy.name, copy.reduction) == ("mine", "sum")
    assert copy.get_config() == loss.get_config()
    assert float(copy(LABELS, LOGITS)) == float(loss(LABELS, LOGITS))


def plain(labels, logits):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return float(loss(labels, logits))


@pytest.mark.parametrize(
    ("loss", "logits"),
    [
        (BalancedSoftmax([7] * K), LOGITS),
        (LogitAdjusted([7] * K, tau=3.0), LOGITS),
        (LogitAdjusted(COUNTS, tau=0), LOGITS),
        (LDAM([7] * K, max_margin=0, scale=2.0), 2 * LOGITS),
        (LDAM([7] * K, 0.5, scale=2.0), 2 * (LOGITS - 0.5 * np.eye(K)[LABELS])),
        (
            ClassBalanced(
                keras.losses.SparseCategoricalCrossentropy(from_logits=True), [7] * K
            ),
            LOGITS,
        ),
    ],
    ids=["BalancedSoftmax", "LogitAdjusted", "τ = 0", "m = 0", "LDAM", "ClassBalanced"],
)
def test_equal_counts_give_cross_entropy(loss, logits):
    assert float(loss(LABELS, LOGITS)) == pytest.approx(plain(LABELS, logits), rel=1e-6)
