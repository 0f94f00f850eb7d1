"""The training step against a NumPy loop written from the formulas."""

import keras
import numpy as np
import pytest
import toys
from gradients import numeric_gradient
from reference import turning_direction, unit

import keras_spa as spa

RATE, STRENGTH, GAMMA, TURN, MOMENTUM = 0.2, 0.7, 0.3, 0.1, 0.8


def reference_means(features, y, means, seen):
    means, seen = means.copy(), seen.copy()
    for c in range(toys.CLASSES):
        if np.any(y == c):
            batch_mean = features[y == c].mean(axis=0)
            if seen[c]:
                batch_mean = MOMENTUM * means[c] + (1 - MOMENTUM) * batch_mean
            means[c], seen[c] = batch_mean, 1
    return means, seen


def reference_directions(means, seen):
    center = np.mean([means[c] for c in range(toys.CLASSES) if seen[c]], axis=0)
    return {c: unit(means[c] - center) for c in np.flatnonzero(seen)}


def reference_loss(backbone, kernel, x, y, means, seen):
    features = x @ backbone
    loss = 0.0
    for h, label in zip(features, y, strict=True):
        logits = h @ kernel
        loss += np.log(np.sum(np.exp(logits))) - logits[label]
    loss /= len(y)
    directions = reference_directions(*reference_means(features, y, means, seen))
    penalties = [1 - unit(kernel[:, c]) @ d for c, d in directions.items()]
    return loss + STRENGTH * np.mean(penalties)


def reference_step(backbone, kernel, x, y, means, seen):
    to_backbone = numeric_gradient(
        lambda b: reference_loss(b, kernel, x, y, means, seen), backbone
    )
    to_kernel = numeric_gradient(
        lambda k: reference_loss(backbone, k, x, y, means, seen), kernel
    )
    means, seen = reference_means(x @ backbone, y, means, seen)
    directions = reference_directions(means, seen)
    for c, mean in directions.items():
        w, g = unit(kernel[:, c]), to_kernel[:, c]
        tangential = g - (g @ w) * w
        turn = turning_direction(w, mean)
        if tangential @ turn > 0:
            tangential = tangential - (tangential @ turn) * turn
        to_kernel[:, c] = (1 - GAMMA) * tangential + GAMMA * g
    backbone, kernel = backbone - RATE * to_backbone, kernel - RATE * to_kernel
    for c, mean in directions.items():
        length = np.linalg.norm(kernel[:, c])
        w = kernel[:, c] / length
        if w @ mean <= 0.95:
            theta = np.arccos(w @ mean)
            turned = np.sin((1 - TURN) * theta) * w + np.sin(TURN * theta) * mean
            kernel[:, c] = length * turned / np.sin(theta)
    return backbone, kernel, means, seen


def test_five_steps_equal_the_formulas():
    x, y = toys.data(20)
    y[:10] %= 2  # two classes are missing from the first batch
    linear = keras.layers.Dense(toys.FEATURES, use_bias=False)
    linear.build((None, toys.INPUTS))
    model = spa.SpAModel(
        keras.Sequential([keras.Input((toys.INPUTS,)), linear]),
        keras.layers.Dense(toys.CLASSES, use_bias=False),
        [
            spa.SpAReg.paper(STRENGTH),
            spa.SpAProj.paper(GAMMA),
            spa.SpASLERP.paper(TURN, center=True),
        ],
        momentum=MOMENTUM,
    )
    model.compile(
        keras.optimizers.SGD(RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    backbone = linear.kernel.numpy().astype("float64")
    kernel = model.classifier.kernel.numpy().astype("float64")
    means = np.zeros((toys.CLASSES, toys.FEATURES))
    seen = np.zeros(toys.CLASSES)
    for step in range(5):
        batch = slice(0, 10) if step % 2 == 0 else slice(10, 20)
        expected_loss = reference_loss(
            backbone, kernel, x[batch], y[batch], means, seen
        )
        model.reset_metrics()
        loss = model.train_on_batch(x[batch], y[batch], return_dict=True)["loss"]
        backbone, kernel, means, seen = reference_step(
            backbone, kernel, x[batch], y[batch], means, seen
        )
        assert loss == pytest.approx(expected_loss, abs=1e-5)
    for actual, expected in (
        (linear.kernel, backbone),
        (model.classifier.kernel, kernel),
        (model.class_means.means, means),
        (model.class_means.seen, seen),
    ):
        np.testing.assert_allclose(actual.numpy(), expected, atol=2e-5)
