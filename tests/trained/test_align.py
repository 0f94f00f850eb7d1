"""Alignment of trained models without training."""

import keras
import numpy as np
import pytest

import keras_spa as spa

K, D = 3, 6
ARRIVE = spa.SpASLERP.paper(1.0, threshold=1.0, center=True)


def clusters(counts, seed=0):
    """Noisy points around three directions, as many of each class as `counts`."""
    random = np.random.RandomState(seed)
    labels = np.repeat(np.arange(K), counts)
    means = 2 * spa.theory.simplex_etf(K, 5, seed=1)
    return (means[labels] + random.randn(len(labels), 5)).astype("float32"), labels


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((5,)), keras.layers.Dense(D), keras.layers.Dense(K)]
    model = keras.Sequential(layers)
    model.layers[-1].bias.assign([0.3, 0.2, 0.1])
    return model


def features(model, images):
    return keras.ops.convert_to_numpy(model.layers[0](images))


@pytest.mark.parametrize("norm", ["keep", "equal"])
def test_weights_take_the_direction_of_the_exact_class_means(model, norm):
    images, labels = clusters([40, 12, 5])
    before = [weight.copy() for weight in model.get_weights()]
    alignment = spa.SpASLERP.paper(1.0, threshold=1.0, center=True, norm=norm)
    aligned = spa.align(model, (images, labels), alignment, batch_size=9, verbose=0)
    assert type(aligned) is keras.Sequential
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for old, new in zip(before[:2], aligned.get_weights()[:2], strict=True):
        np.testing.assert_array_equal(old, new)
    kernel, bias = aligned.get_weights()[2:]
    np.testing.assert_array_equal(bias, before[3])
    h = features(model, images)
    means = np.array([h[labels == c].mean(axis=0) for c in range(K)])
    centred = means - means.mean(axis=0)
    lengths = np.linalg.norm(before[2], axis=0)
    if norm == "equal":
        lengths = lengths.mean()
    expected = lengths * (centred / np.linalg.norm(centred, axis=1)[:, None]).T
    np.testing.assert_allclose(kernel, expected, atol=1e-5)


def test_in_the_metric_of_the_noise_weights_take_the_direction_of_their_targets(model):
    images, labels = clusters([40, 12, 5])
    alignment = spa.SpASLERP(1.0, threshold=1.0, shrinkage=0.2)
    aligned = spa.align(model, (images, labels), alignment, batch_size=9, verbose=0)
    means, covariance = noise(features(model, images), labels)
    metric = 0.8 * covariance + 0.2 * np.trace(covariance) / D * np.eye(D)
    centre = means.mean(axis=0)
    targets = np.linalg.solve(metric, (means - centre).T).T
    old, new = model.get_weights()[2].T, aligned.get_weights()[2].T
    for w, before, t in zip(new, old, targets, strict=True):
        expected = np.linalg.norm(before) * t / np.linalg.norm(t)
        np.testing.assert_allclose(w, expected, atol=1e-4)
    logits = [
        m.get_weights()[2].T @ centre + m.get_weights()[3] for m in (model, aligned)
    ]
    np.testing.assert_allclose(*logits, atol=1e-4)


def noise(h, labels):
    """Class means, and the mean over the classes of their covariances, by loops."""
    means = np.array([h[labels == c].mean(axis=0) for c in range(K)], "float64")
    scatter, kept = np.zeros((D, D)), 0.0
    for c in range(K):
        apart = h[labels == c] - means[c]
        scatter += apart.T @ apart / len(apart)
        kept += (len(apart) - 1) / len(apart)
    return means, scatter / kept


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_rule_is_linear_discriminant_analysis_and_adjusts_what_is_found(share):
    """Of a model that holds the prior, and of one that does not."""
    counts = np.array([400, 60, 12])
    images, labels = clusters(counts)
    log_prior = np.log(counts / counts.sum())
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D)])
    model.add(keras.layers.Dense(K))
    h = features(model, images)
    means, covariance = noise(h, labels)
    metric = 0.9 * covariance + 0.1 * np.trace(covariance) / D * np.eye(D)
    inverse, centre = np.linalg.inv(metric), means.mean(axis=0)
    best = np.array([inverse @ (m - centre) for m in means])
    offsets = np.array(
        [-(m - centre) @ w / 2 - w @ centre for m, w in zip(means, best, strict=True)]
    )
    model.layers[-1].set_weights([best.T, offsets + (1 - share) * log_prior])
    choice = spa.choose_alignment(model, (images, labels), verbose=0)
    assert choice.prior_share == pytest.approx(share, abs=0.2)
    assert (choice.tau, choice.beta, choice.scale) == (1 - share, 0.2, 1.0)
    assert choice.temperature == pytest.approx(1.2, rel=1e-4)  # the optimum stays
    aligned = spa.align(model, (images, labels), verbose=0)
    kernel, bias = aligned.get_weights()[2:]
    np.testing.assert_allclose(kernel.T, best, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(bias, offsets, rtol=1e-3, atol=1e-3)


def test_augmented_images_decide_the_noise(model):
    images, labels = clusters([40, 12, 5])
    louder = images + 3 * np.random.RandomState(1).randn(*images.shape)
    louder = louder.astype("float32")
    means, _ = noise(features(model, images), labels)
    h = features(model, louder)
    covariance = sum(
        (h[labels == c] - means[c]).T @ (h[labels == c] - means[c]) / n / K
        for c, n in enumerate([40, 12, 5])
    )
    metric = 0.9 * covariance + 0.1 * np.trace(covariance) / D * np.eye(D)
    weights, _ = spa.theory.optimal_classifier(means, metric)
    arguments = {"batch_size": len(images), "verbose": 0}
    for augment in ([(louder, labels)], lambda x: louder):
        aligned = spa.align(model, (images, labels), augment=augment, **arguments)
        plan = spa.choose_alignment(
            model, (images, labels), augment=augment, **arguments
        )
        kernel = plan.temperature * aligned.get_weights()[2] - model.get_weights()[2]
        np.testing.assert_allclose(kernel.T, 0.2 * weights, rtol=1e-3, atol=1e-4)


def test_layers_augment_as_in_training(model):
    data = clusters([40, 12, 5])

    class Louder(keras.Layer):
        def call(self, x, training=False):
            return 3 * x if training else x

    quiet = spa.align(model, data, verbose=0).get_weights()[2]
    loud = spa.align(model, data, augment=Louder(), verbose=0).get_weights()[2]
    old = model.get_weights()[2]
    assert np.linalg.norm(loud - old) < 0.5 * np.linalg.norm(quiet - old)


def test_held_out_images_fit_the_three_numbers(model):
    train, held_out = clusters([400, 60, 12]), clusters([60] * K, seed=1)
    choice = spa.choose_alignment(model, train, held_out, verbose=0)
    aligned = spa.align(model, train, held_out=held_out, verbose=0)

    def measures(model):
        logits = model.predict(held_out[0], verbose=0).astype("float64")
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        odds /= odds.sum(axis=1, keepdims=True)
        chosen = odds[np.arange(len(logits)), held_out[1]]
        right = odds.argmax(axis=1) == held_out[1]
        return {"accuracy": right.mean(), "log_loss": -np.log(chosen).mean()}

    for before, after in (
        (choice.before, measures(model)),
        (choice.after, measures(aligned)),
    ):
        for name, value in after.items():
            assert before[name] == pytest.approx(value, abs=1e-4)
    for name in ("accuracy", "log_loss", "calibration_error"):
        assert name.replace("_", " ") in str(choice)
    rule = measures(spa.align(model, train, verbose=0))
    assert choice.after["log_loss"] < min(choice.before["log_loss"], rule["log_loss"])


def test_a_spa_model_stays_one(model):
    data = clusters([10, 10, 10])
    spa_model = spa.SpAModel.from_model(model, alignment=spa.SpAReg.paper(0.1))
    aligned = spa.align(spa_model, data, ARRIVE, verbose=0)
    assert isinstance(aligned, spa.SpAModel)
    assert aligned.alignments[0].strength == 0.1
    report = spa.diagnose(aligned, data, verbose=0)
    assert report.metrics["nc3_cosine"] == pytest.approx(1, abs=1e-5)
    assert spa.diagnose(model, data, verbose=0).metrics["nc3_cosine"] < 0.9


def test_classes_of_one_frequency_have_no_prior_to_adjust(model):
    choice = spa.choose_alignment(model, clusters([20, 20, 20]), verbose=0)
    assert choice.tau == choice.prior_share == 0
    assert str(choice).startswith("Classes of equal frequencies: not adjusted. ")
    held_out = clusters([9, 9, 9], seed=1)
    fitted = spa.choose_alignment(model, clusters([20, 20, 20]), held_out, verbose=0)
    assert str(fitted).startswith("Classes of equal frequencies: not adjusted. ")
    away = spa.AlignmentChoice(tau=0.5, beta=-0.3, prior_share=0.5)
    assert "Turned away from the optimum" in str(away)
    assert "Turned towards the optimum" in str(choice)


def test_alignments_that_were_taken_away_leave_a_model_that_can_be_copied(model):
    spa_model = spa.SpAModel.from_model(model, alignment=spa.SpAReg())
    spa_model.alignments.clear()
    aligned = spa.align(spa_model, clusters([9, 9, 9]), ARRIVE, verbose=0)
    assert aligned.class_means.scatter is None


def test_a_missing_class_keeps_its_weight(model):
    images, labels = clusters([10, 10, 10])
    kept = labels != 1
    aligned = spa.align(model, (images[kept], labels[kept]), ARRIVE, verbose=0)
    before, after = model.get_weights()[2], aligned.get_weights()[2]
    np.testing.assert_array_equal(before[:, 1], after[:, 1])
    assert np.abs(before - after).max() > 0.1


@pytest.mark.parametrize(
    "head",
    [
        lambda: spa.layers.CosineDense(K),
        lambda: spa.layers.ETFDense(K),
        lambda: keras.layers.Dense(K, use_bias=False),
    ],
)
def test_a_classifier_without_a_bias_is_told_what_to_do(head):
    backbone = keras.Sequential([keras.Input((5,)), keras.layers.Dense(D)])
    model, data = spa.SpAModel(backbone, head()), clusters([40, 12, 5])
    with pytest.raises(ValueError, match="with a bias.*convert_head.*Received"):
        spa.align(model, data, verbose=0)


def test_a_class_without_images_keeps_its_weight_under_the_rule(model):
    images, labels = clusters([40, 12, 5])
    few = images[labels < 2], labels[labels < 2]
    with pytest.raises(ValueError, match=r"without any as 1.*of \[2\]"):
        spa.align(model, few, verbose=0)
    aligned = spa.align(model, few, class_counts=[40, 12, 5], verbose=0)
    before, after = (m.get_weights()[2] for m in (model, aligned))
    scales = after / before  # one over the temperature, for the class without images
    np.testing.assert_allclose(scales[:, 2], scales[0, 2], rtol=1e-4)
    assert np.ptp(scales[:, :2]) > 0.01


def test_a_model_with_an_operation_named_as_one_of_its_layers():
    """Keras has a layer `Add` and an operation `Add`: MobileNetV3 holds both."""
    inputs = keras.Input((5,))
    x = keras.layers.Add()([inputs, keras.ops.add(inputs, 3.0)])
    model = keras.Model(inputs, keras.layers.Dense(K)(x))
    aligned = spa.align(model, clusters([40, 12, 5]), verbose=0)
    moved = aligned.get_weights()[0] - model.get_weights()[0]
    assert np.abs(moved).max() > 0.01
