"""What a trained model's features say of it: how collapsed, how aligned, how skewed."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from keras_spa import theory
from keras_spa.metrics import exact_class_means, within_class_covariance
from keras_spa.trained import Observer, observe

BATCH, SHRINKAGE = 500, 0.1  # as `spa.align` shrinks


def measure(
    model: keras.Model,
    data: spa.data.LongTailedData,
    augment: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """Measures of a model by name, of its training images but for two accuracies.

    - `images`: of a class in training, on average, and `fewest`.
    - `training`: accuracy on the training images, percent.
    - `nc1`, and four measures of misalignment, means over the classes: `cosine` and
      `exponent` as if noise were isotropic, `noise cosine` and `noise exponent` in its
      metric. An exponent is a share of the optimum, at most 1 of each class.
    - `condition`: κ, of the noise's covariance as `spa.align` takes it.
    - `plain efficiency`: the share of the optimal exponent that plain alignment keeps
      in this noise, and `plain bound`, what κ alone promises, 4κ/(1+κ)² (theorem T8).
    - `plain optimum`, `noise optimum`: test accuracy, in percent, of the classifiers
      that are optimal in isotropic noise and in this one.
    """
    observer = Observer(model)
    train, test = (tuple(getattr(data, name)) for name in ("train", "test"))
    report = spa.diagnose(observer, train, batch_size=BATCH, verbose=0)
    clean, images = (features_and_labels(observer, split) for split in (train, test))
    counts, means = exact_class_means([clean], observer.num_classes)
    noisy: Any = [clean]
    if augment is not None:
        noisy = observe(observer, _augmented(train, augment), BATCH, verbose=0)
    scatter = within_class_covariance(noisy, means, counts)
    covariance = keras.ops.convert_to_numpy(spa.geometry.shrunk(scatter, SHRINKAGE))
    values = np.linalg.eigvalsh(covariance)
    condition = float(values[-1] / values[0])
    return {
        "images": float(counts.mean()),
        "fewest": float(counts.min()),
        "training": 100 * report.accuracy,
        "nc1": report.metrics["nc1"],
        "cosine": float(np.nanmean(report.cosine_per_class)),
        "exponent": _mean_share(report.exponent_per_class),
        "noise cosine": float(np.nanmean(report.noise_cosine_per_class)),
        "noise exponent": _mean_share(report.noise_exponent_per_class),
        "condition": condition,
        "plain efficiency": theory.plain_alignment_efficiency(means, covariance),
        "plain bound": 4 * condition / (1 + condition) ** 2,
        "plain optimum": _accuracy(*theory.optimal_classifier(means), *images),
        "noise optimum": _accuracy(
            *theory.optimal_classifier(means, covariance), *images
        ),
    }


def features_and_labels(observer: Observer, split: Any) -> tuple[Any, Any]:
    """Features (N, d), float32, and labels (N,) of images and labels."""
    seen = [
        (features.astype("float32"), labels)
        for features, _, labels in observe(observer, split, BATCH, verbose=0)
    ]
    features, labels = map(np.concatenate, zip(*seen, strict=True))
    return features, labels


def _augmented(train: Any, augment: Callable[[Any], Any]) -> Iterator[Any]:
    images, labels = train
    arguments = {"training": True} if isinstance(augment, keras.Layer) else {}
    for start in range(0, len(labels), BATCH):
        batch = slice(start, start + BATCH)
        yield augment(images[batch], **arguments), labels[batch]


def _mean_share(exponents: list[float]) -> float:
    return float(np.nanmean(np.minimum(1, exponents)))


def _accuracy(
    weights: np.ndarray, biases: np.ndarray, features: np.ndarray, labels: np.ndarray
) -> float:
    """In percent, each class alike."""
    decisions = np.argmax(features @ weights.T + biases, axis=1)
    each = spa.metrics.accuracy_per_class(decisions, labels, len(weights))
    return float(100 * np.nanmean(each))
