"""The three strategies in the metric of the noise, against the formulas."""

import gradients
import keras
import numpy as np
import pytest
from keras import ops

import keras_spa as spa
from keras_spa import geometry

K, D, ALPHA = 4, 6, 0.2


def given(seed=0):
    """Weights, gradient, means, a class never seen, and a covariance."""
    random = np.random.RandomState(seed)
    root = random.randn(D, D)
    weights, gradient, means = random.randn(3, K, D)
    seen = np.array([1.0, 1.0, 0.0, 1.0])
    covariance = root @ root.T + 0.1 * np.eye(D)
    return weights, gradient, means, seen, covariance


def statistics(means, seen, covariance):
    """As `ClassMeans` makes it after a few batches: the sum, and its weight."""
    arrays = means, seen, 0.3 * covariance, np.array(0.3)
    return spa.ClassStatistics(*(ops.convert_to_tensor(a, "float32") for a in arrays))


def shrunk(covariance):
    mean = np.trace(covariance) / D
    return (1 - ALPHA) * covariance + ALPHA * mean * np.eye(D)


def metric_and_targets(means, seen, covariance):
    metric = shrunk(covariance)
    centred = means - means[seen > 0].mean(axis=0)
    return metric, np.linalg.solve(metric, centred.T).T


def cosine(w, t, metric):
    return w @ metric @ t / np.sqrt((w @ metric @ w) * (t @ metric @ t))


def penalty(weights, means, seen, covariance):
    """Mean over the seen classes of one minus the cosine, by its formula."""
    metric = shrunk(covariance)
    centred = means - means[seen > 0].mean(axis=0)
    inverse, losses = np.linalg.inv(metric), []
    for c in np.flatnonzero(seen):
        w, m = weights[c], centred[c]
        losses.append(1 - w @ m / np.sqrt((w @ metric @ w) * (m @ inverse @ m)))
    return 0.5 * np.mean(losses)


def test_spa_reg_is_the_mean_of_one_minus_the_cosine_in_the_metric():
    weights, _, *rest = given()
    value = spa.SpAReg(0.5, shrinkage=ALPHA).penalty(weights, statistics(*rest))
    assert float(value) == pytest.approx(penalty(weights, *rest), rel=1e-5)


@pytest.mark.parametrize("mode", ["both", "classifier", "features"])
def test_the_gradient_of_spa_reg_is_that_of_differences(mode):
    weights, _, means, *rest = given()
    reg = spa.SpAReg(0.5, gradient=mode, shrinkage=ALPHA)
    constants = [ops.convert_to_tensor(a, "float32") for a in (*rest, np.array(1.0))]
    slopes = gradients.gradient(
        lambda w, m: reg.penalty(w, spa.ClassStatistics(m, *constants)), weights, means
    )
    expected = [
        gradients.numeric_gradient(lambda w: penalty(w, means, *rest), weights),
        gradients.numeric_gradient(lambda m: penalty(weights, m, *rest), means),
    ]
    flows = mode != "features", mode != "classifier"
    for slope, numeric, flow in zip(slopes, expected, flows, strict=True):
        assert np.abs(numeric).max() > 0.01
        np.testing.assert_allclose(slope, flow * numeric, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("norm", ["keep", "equal", "noise"])
@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
def test_spa_slerp_turns_in_the_metric_and_keeps_the_logits_of_the_global_mean(
    rate, norm
):
    weights, _, means, seen, covariance = given(1)
    slerp = spa.SpASLERP(rate, threshold=1.0, norm=norm, shrinkage=ALPHA)
    known = statistics(means, seen, covariance)
    turned = ops.convert_to_numpy(slerp.update_weights(weights, known, 0))
    metric, targets = metric_and_targets(means, seen, covariance)
    for c, (w, t) in enumerate(zip(weights, targets, strict=True)):
        if not seen[c]:
            np.testing.assert_allclose(turned[c], w, rtol=1e-6)
            continue
        length = np.sqrt(w @ metric @ w)
        u, v = w / length, t / np.sqrt(t @ metric @ t)
        angle = np.arccos(cosine(w, t, metric))
        parts = np.sin((1 - rate) * angle) * u + np.sin(rate * angle) * v
        if norm == "noise":
            expected = length * parts / np.sin(angle)
        else:
            lengths = np.linalg.norm(weights, axis=1)
            length = lengths[c] if norm == "keep" else lengths[seen > 0].mean()
            expected = length * parts / np.linalg.norm(parts)
        np.testing.assert_allclose(turned[c], expected, rtol=1e-3, atol=1e-4)
    biases = ops.convert_to_tensor(np.arange(K), "float32")
    moved = slerp.update_biases(biases, weights, turned, known)
    centre = means[seen > 0].mean(axis=0)
    np.testing.assert_allclose(
        turned @ centre + ops.convert_to_numpy(moved),
        weights @ centre + np.arange(K),
        atol=1e-4,
    )


def test_spa_slerp_leaves_what_is_aligned_in_the_metric():
    weights, _, means, seen, covariance = given(2)
    metric, targets = metric_and_targets(means, seen, covariance)
    weights[0] = targets[0] + 0.01 * np.ones(D)
    known = statistics(means, seen, covariance)
    slerp = spa.SpASLERP(0.5, threshold=0.9, shrinkage=ALPHA)
    turned = ops.convert_to_numpy(slerp.update_weights(weights, known, 0))
    assert cosine(weights[0], targets[0], metric) > 0.9
    np.testing.assert_allclose(turned[0], weights[0], rtol=1e-6)
    assert np.abs(turned[1] - weights[1]).max() > 0.1


@pytest.mark.parametrize("gamma", [0.0, 0.6])
def test_spa_proj_removes_what_turns_away_in_the_metric(gamma):
    weights, gradient, means, seen, covariance = given(3)
    proj = spa.SpAProj(gamma, shrinkage=ALPHA)
    known = statistics(means, seen, covariance)
    edited = ops.convert_to_numpy(proj.project_gradient(gradient, weights, known))
    metric, targets = metric_and_targets(means, seen, covariance)
    removed = 0
    for c in range(K):
        if not seen[c]:
            np.testing.assert_allclose(edited[c], gradient[c], rtol=1e-6)
            continue
        w = weights[c] / np.sqrt(weights[c] @ metric @ weights[c])
        t = targets[c] / np.sqrt(targets[c] @ metric @ targets[c])
        direction = t - (t @ metric @ w) * w
        direction /= np.sqrt(direction @ metric @ direction)
        kept = gradient[c] - (gradient[c] @ metric @ w) * w
        away = kept @ metric @ direction
        if away > 0:
            kept = kept - away * direction
            removed += 1
        expected = (1 - gamma) * kept + gamma * gradient[c]
        np.testing.assert_allclose(edited[c], expected, rtol=1e-3, atol=1e-4)
    assert 0 < removed < 3


def test_full_shrinkage_is_isotropic_noise():
    weights, gradient, means, seen, covariance = given(4)
    known = statistics(means, seen, covariance)
    pairs = (
        (spa.SpAReg, {"center": True}, lambda a: a.penalty(weights, known)),
        (
            spa.SpASLERP,
            {"rate": 0.3, "center": True},
            lambda a: a.update_weights(weights, known, 0),
        ),
        (spa.SpAProj, {}, lambda a: a.project_gradient(gradient, weights, known)),
    )
    for strategy, arguments, apply in pairs:
        full = apply(strategy(shrinkage=1.0, **arguments))
        paper = apply(strategy.paper(**arguments))
        np.testing.assert_allclose(
            *map(ops.convert_to_numpy, (full, paper)), rtol=1e-4, atol=1e-5
        )


def test_without_a_covariance_it_says_what_to_do():
    weights, _, means, seen, _ = given()
    with pytest.raises(ValueError, match="ClassMeans.*covariance=True"):
        spa.SpAReg().penalty(weights, spa.ClassStatistics(means, seen))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"noise": "white"}, "`noise` must be one of 'within_class', 'isotropic'"),
        ({"shrinkage": 1.5}, "`shrinkage` must be a finite number"),
        ({"shrinkage": 0.0}, r"`shrinkage` must be a finite number in \[0.001, 1\]"),
    ],
)
@pytest.mark.parametrize("strategy", [spa.SpAReg, spa.SpASLERP, spa.SpAProj])
def test_bad_arguments(strategy, arguments, message):
    with pytest.raises(ValueError, match=message):
        strategy(**arguments)


def test_geometry_in_a_metric_is_that_of_whitened_rows():
    weights, other, _, _, covariance = given(5)
    factor = np.linalg.cholesky(covariance)
    whitened = weights @ factor, other @ factor
    for name in ("dot", "cosine", "angle"):
        function = getattr(geometry, name)
        np.testing.assert_allclose(
            *(
                ops.convert_to_numpy(values)
                for values in (
                    function(weights, other, covariance),
                    function(*whitened),
                )
            ),
            rtol=1e-4,
            atol=1e-5,
        )
    for name in ("tangent", "toward"):
        function = getattr(geometry, name)
        inside = ops.convert_to_numpy(function(weights, other, covariance)) @ factor
        outside = ops.convert_to_numpy(function(*whitened))
        np.testing.assert_allclose(inside, outside, rtol=1e-3, atol=1e-4)


def test_a_covariance_of_nothing_is_the_identity():
    zero = np.zeros((3, 3))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(geometry.shrunk(zero, 0.1)), np.eye(3)
    )


def test_kept_from_the_start_or_from_when_it_is_asked_for():
    """A built model that gets the alignment later keeps, saves and loads it as well."""
    x = np.random.RandomState(0).randn(24, 5).astype("float32")
    y = np.arange(24) % 3
    model = spa.SpAModel(
        keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)]),
        keras.layers.Dense(3),
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.fit(x, y, verbose=0)
    assert model.class_means.scatter is None
    model.add_loss(spa.SpASLERP(0.1))
    model.fit(x, y, verbose=0)
    assert float(ops.convert_to_numpy(model.class_means.scatter_weight)) > 0
    assert spa.SpAModel.from_config(model.get_config()).class_means.scatter is not None
