"""Passes over data in which a trained classifier's features are looked at."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_spa._types import Array, Dataset
from keras_spa.metrics.per_class import exact_class_means
from keras_spa.trained._batches import array_batches

MOST_LOGITS = 20_000_000  # kept of the training images, 80 MB


class Sample:
    """A random part of the logits and labels that pass by, of bounded size."""

    def __init__(self, num_classes: int) -> None:
        self.limit = max(1000, MOST_LOGITS // num_classes)
        self.share, self.size = 1.0, 0
        self.kept: list[tuple[Array, Array]] = []
        self.random = np.random.RandomState(0)

    def watch(
        self, observed: Iterable[tuple[Array, Array, Array]]
    ) -> Iterator[tuple[Array, Array, Array]]:
        """What `observe` yields, unchanged."""
        for features, logits, labels in observed:
            self._keep(logits, labels, self.share)
            if self.size > self.limit:  # keep half of all, and of what comes
                kept, self.kept, self.size = self.kept, [], 0
                self.share /= 2
                for part in kept:
                    self._keep(*part, 0.5)
            yield features, logits, labels

    def _keep(self, logits: Array, labels: Array, share: float) -> None:
        chosen = self.random.random_sample(len(labels)) < share
        self.kept.append((logits[chosen], labels[chosen]))
        self.size += int(np.count_nonzero(chosen))

    def arrays(self) -> tuple[Array, Array]:
        """Logits (N, K) and labels (N,)."""
        logits, labels = map(np.concatenate, zip(*self.kept, strict=True))
        return logits, labels


def augmented(
    dataset: Dataset, augment: Callable[..., Any] | Dataset, batch_size: int
) -> Any:
    """Batches of augmented images: those given, or those of the data set, augmented."""
    if not callable(augment):
        return augment
    batches, _ = array_batches(dataset, batch_size)
    arguments = {"training": True} if isinstance(augment, keras.Layer) else {}

    def batch(images: Any, labels: Array) -> tuple[Any, Array]:
        made = augment(images, **arguments)
        old, new = map(_shapes, (images, made))
        kept = [(s[:1], len(s)) for s in new] == [(s[:1], len(s)) for s in old]
        if not kept:
            raise ValueError(
                "Argument `augment` must turn a batch of images into as many of the "
                f"same kind. Received: arrays of shapes {new} for images of {old}"
            )
        return made, labels

    return (batch(images, labels) for images, labels in batches)


def _shapes(images: Any) -> list[tuple[int, ...]]:
    return [tuple(np.shape(part)) for part in keras.tree.flatten(images)]


@contextlib.contextmanager
def naming(argument: str) -> Iterator[None]:
    """Context whose errors about a data set name the argument that it came in."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for name in ("dataset", "observed"):
            message = message.replace(f"Argument `{name}`", f"Argument `{argument}`", 1)
        if message == str(error):
            raise
        raise ValueError(message) from None


def check_repeatable(dataset: Dataset) -> None:
    """Raises for data that end with the first pass."""
    if hasattr(dataset, "__next__") or (
        hasattr(dataset, "__iter__")
        and not hasattr(dataset, "__getitem__")
        and not hasattr(dataset, "__len__")
        and iter(dataset) is iter(dataset)
    ):
        raise ValueError(
            "Argument `dataset` must be data that can be gone through twice: arrays, a "
            "tf.data.Dataset, a PyDataset or a list of batches. Received: "
            f"{type(dataset).__name__}, which ends after the first time"
        )


def finite(
    observed: Iterable[tuple[Array, Array, Array]], argument: str
) -> Iterator[tuple[Array, Array, Array]]:
    """What `observe` yields, unchanged, if features and logits are finite."""
    for features, logits, labels in observed:
        if not np.isfinite(features).all():
            raise ValueError(
                f"Argument `{argument}` must give finite features. Received: NaN or "
                "infinity; keras_spa.diagnose names the batch"
            )
        if not np.isfinite(logits).all():
            raise ValueError(
                "Argument `model` must give finite logits. Received: NaN or infinity "
                "for finite features"
            )
        yield features, logits, labels


def finite_class_means(
    observed: Iterable[tuple[Array, Array, Array]], num_classes: int
) -> tuple[Array, Array]:
    """Counts (K,) and means (K, d) of the classes in what `observe` yields."""
    batches = ((features, labels) for features, _, labels in observed)
    counts, means = exact_class_means(batches, num_classes)
    if not np.isfinite(means).all():
        raise ValueError(
            "Argument `dataset` must give finite features. Received: NaN or infinity; "
            "keras_spa.diagnose names the batch"
        )
    return counts, means


def collected(observed: Any) -> tuple[Array, Array]:
    """All features (N, d), float32, and labels (N,) of what `observe` yields."""
    kept = [(features.astype("float32"), labels) for features, _, labels in observed]
    features, labels = map(np.concatenate, zip(*kept, strict=True))
    return features, labels
