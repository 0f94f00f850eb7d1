"""What all losses have in common, each against its formula in plain float64."""

import keras
import numpy as np
import pytest
import toys
from gradients import gradient, numeric_gradient
from keras import ops

import keras_spa as spa
from keras_spa.losses import (
    LDAM,
    BalancedSoftmax,
    ClassBalanced,
    DotRegression,
    LogitAdjusted,
)

COUNTS = [5000, 300, 20, 1]
K, B = len(COUNTS), 12
RNG = np.random.default_rng(0)
LOGITS = RNG.uniform(-50, 50, size=(B, K)).astype("float32")
LABELS = np.arange(B) % K
SOFT = RNG.dirichlet(np.ones(K), size=B).astype("float32")
UNEVEN = SOFT * RNG.uniform(0, 3, size=(B, 1)).astype("float32")
UNEVEN[3] = 0  # labels need not sum to one: here is a sample without any
ALL_LABELS = pytest.mark.parametrize(
    "labels",
    [LABELS, LABELS[:, None], LABELS.astype("float32"), SOFT, UNEVEN],
    ids=["(B,)", "(B, 1)", "float integers", "soft (B, K)", "soft, uneven"],
)


def cross_entropy(y, z):
    total = np.logaddexp.reduce(z)
    return -sum(y_c * (z_c - total) for y_c, z_c in zip(y, z, strict=True))


def balanced_softmax(y, z):
    return logit_adjusted(y, z, tau=1.0)


def logit_adjusted(y, z, tau=0.7):
    prior = [n / sum(COUNTS) for n in COUNTS]
    return cross_entropy(
        y, [z_c + tau * np.log(p) for z_c, p in zip(z, prior, strict=True)]
    )


def ldam(y, z):
    margins = [0.4 * (n / min(COUNTS)) ** -0.25 for n in COUNTS]
    parts = zip(y, z, margins, strict=True)
    return cross_entropy(y, [20.0 * (z_c - y_c * m_c) for y_c, z_c, m_c in parts])


def class_balanced(y, z):
    raw = [(1 - 0.99) / (1 - 0.99**n) for n in COUNTS]
    weights = [K * w / sum(raw) for w in raw]
    weight = sum(y_c * w_c for y_c, w_c in zip(y, weights, strict=True))
    return weight * logit_adjusted(y, z)


def dot_regression(y, z):
    return sum(y_c * (z_c - 3) ** 2 / 6 for y_c, z_c in zip(y, z, strict=True))


LOSSES = {
    "BalancedSoftmax": (lambda **kw: BalancedSoftmax(COUNTS, **kw), balanced_softmax),
    "LogitAdjusted": (lambda **kw: LogitAdjusted(COUNTS, 0.7, **kw), logit_adjusted),
    "LDAM": (lambda **kw: LDAM(COUNTS, 0.4, 20.0, **kw), ldam),
    "ClassBalanced": (
        lambda **kw: ClassBalanced(LogitAdjusted(COUNTS, 0.7), COUNTS, 0.99, **kw),
        class_balanced,
    ),
    "DotRegression": (lambda **kw: DotRegression(3.0, **kw), dot_regression),
}
EVERY_LOSS = pytest.mark.parametrize(
    ("make", "formula"), LOSSES.values(), ids=LOSSES.keys()
)


def evaluate_formula(formula, labels, logits):
    """The formula, sample by sample, on shares of the classes."""
    if labels.ndim < 2 or labels.shape[1] == 1:
        labels = np.eye(K)[labels.reshape(-1).astype(int)]
    pairs = zip(np.float64(labels), np.float64(logits), strict=True)
    return np.array([formula(y, z) for y, z in pairs])


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
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("encode", [np.asarray, lambda y: np.eye(K)[y]], ids=["y", "Y"])
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


@EVERY_LOSS
@pytest.mark.parametrize(
    "labels",
    [
        np.full(B, K),
        np.full((B, 1), -1),
        LABELS + 0.5,
        np.full(B, np.nan),
        -SOFT,
        np.full((B, K), np.inf),
    ],
    ids=["K", "-1", "fractions", "nan", "negative shares", "infinite shares"],
)
def test_labels_out_of_range_are_named(make, formula, labels):
    with pytest.raises(
        ValueError, match="Argument `labels` must be .*Received .*such as"
    ):
        make()(labels.astype("float32"), LOGITS)


@EVERY_LOSS
@pytest.mark.parametrize("shape", [(B, 3), (B, K, 1), ()])
def test_labels_of_another_shape_are_named(make, formula, shape):
    with pytest.raises(ValueError, match="Argument `labels` must be integers of shape"):
        make()(np.ones(shape, "float32"), LOGITS)


@EVERY_LOSS
@pytest.mark.parametrize("shape", [(K,), (B, 2, K)])
def test_logits_of_another_shape_are_named(make, formula, shape):
    with pytest.raises(ValueError, match="Argument `y_pred` must"):
        make()(LABELS, np.zeros(shape, "float32"))


COUNTED = pytest.mark.parametrize(
    "make",
    [
        BalancedSoftmax,
        LogitAdjusted,
        LDAM,
        lambda counts: ClassBalanced(keras.losses.MeanSquaredError(), counts),
        lambda counts: spa.losses.adjust_logits(np.zeros((1, 2)), counts),
    ],
    ids=["BalancedSoftmax", "LogitAdjusted", "LDAM", "ClassBalanced", "adjust_logits"],
)


@COUNTED
@pytest.mark.parametrize(
    "counts",
    [
        [5, 0],
        [5, -1],
        [5, float("nan")],
        [5, float("inf")],
        [5],
        [],
        5,
        [[5, 5]],
        [True, True],
        ["5", "6"],
        None,
    ],
)
def test_bad_counts_are_named(make, counts):
    with pytest.raises(ValueError, match="Argument `class_counts` must be .*Received"):
        make(counts)


def test_the_class_with_a_bad_count_is_told():
    with pytest.raises(ValueError, match=r"\{1: inf, 3: 0.0\}"):
        BalancedSoftmax([5, float("inf"), 5, 0])


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"DotRegression"}))
def test_logits_of_another_number_of_classes_are_named(name):
    make, _ = LOSSES[name]
    with pytest.raises(ValueError, match=r"`y_pred` must hold.*4 class counts.*12, 5"):
        make()(LABELS, np.zeros((B, 5), "float32"))


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


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (LogitAdjusted, "tau", -0.1),
        (LogitAdjusted, "tau", float("nan")),
        (LogitAdjusted, "tau", "1"),
        (LDAM, "max_margin", -0.5),
        (LDAM, "max_margin", float("inf")),
        (LDAM, "scale", 0),
        (LDAM, "scale", -30.0),
        (LDAM, "scale", None),
    ],
)
def test_bad_arguments_are_named(make, name, value):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received"):
        make(COUNTS, **{name: value})
