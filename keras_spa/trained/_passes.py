"""Passes over data in which a trained classifier's features are looked at."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from keras_spa._types import Array, Dataset
from keras_spa.metrics.per_class import exact_class_means, within_class_covariance
from keras_spa.trained._batches import array_batches
from keras_spa.trained.observe import Observer

UNEQUAL = 1.5  # times the mean, what a class may weigh where each shall count alike
MOST_LOGITS = 20_000_000  # kept of the training images, and of those held out: 80 MB


class Sample:
    """A random part of the logits and labels that pass by, of bounded size.

    Args:
        width: Numbers of each image.
    """

    def __init__(self, width: int) -> None:
        self.limit = max(1000, MOST_LOGITS // width)
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
    observer: Observer,
    dataset: Dataset,
    augment: Callable[..., Any] | Dataset,
    batch_size: int,
) -> Any:
    """Batches of augmented images: those given, or those of the data set, augmented."""
    if not callable(augment):
        return augment
    batches, _ = array_batches(dataset, batch_size)
    arguments = {"training": True} if isinstance(augment, keras.Layer) else {}
    inputs = getattr(observer.model.backbone, "inputs", None) or []
    taken = [tuple(tensor.shape) for tensor in inputs]

    def batch(images: Any, labels: Array) -> tuple[Any, Array]:
        made = augment(images, **arguments)
        old, new = map(_shapes, (images, made))
        kept = [(s[:1], len(s)) for s in new] == [(s[:1], len(s)) for s in old]
        if not kept or (_fit(old, taken) and not _fit(new, taken)):
            raise ValueError(
                "Argument `augment` must turn a batch of images into as many of the "
                "same kind, which the model takes. Received: arrays of shapes "
                f"{new} for images of {old}"
            )
        return made, labels

    return (batch(images, labels) for images, labels in batches)


def _shapes(images: Any) -> list[tuple[int, ...]]:
    return [tuple(np.shape(part)) for part in keras.tree.flatten(images)]


def _fit(shapes: list[tuple[int, ...]], taken: list[tuple[int | None, ...]]) -> bool:
    """Whether arrays have the shapes of a model's inputs, where those are known."""
    return len(shapes) == len(taken) and all(
        len(shape) == len(expected)
        and all(n in (None, m) for m, n in zip(shape, expected, strict=True))
        for shape, expected in zip(shapes, taken, strict=True)
    )


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


def check_held_out(held_out: Dataset | None, dataset: Dataset) -> None:
    """Raises if the training images themselves are held out."""
    own, other = (
        data[0] if isinstance(data, tuple) and data else data
        for data in (dataset, held_out)
    )
    if other is not None and other is own:
        raise ValueError(
            "Argument `held_out` must be images that the model was not trained on. "
            "Received: those of `dataset`"
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


def noise_covariance(
    passes: Callable[[], Iterable[tuple[Array, ...]]],
    data: Dataset,
    means: Array,
    counts: Array,
) -> Array:
    """`within_class_covariance` of images that may have other frequencies than counted.

    Batches that come augmented may be class-balanced: a second pass then weighs each
    image by those of its class in the first.

    Args:
        passes: Gives what `observe` yields, anew at each call.
        data: What it goes through; in a second pass, if that can be.
        means: μ (K, d).
        counts: n (K,), images of each class that the means are of.
    """
    seen = np.zeros(len(counts))

    def counted() -> Iterator[tuple[Array, ...]]:
        for observed in passes():
            seen[:] += np.bincount(observed[-1], minlength=len(seen))
            yield observed

    covariance = within_class_covariance(counted(), means, counts)
    shares = seen[counts > 0] / counts[counts > 0]
    if shares.max() <= UNEQUAL * shares[shares > 0].mean():
        return covariance
    check_repeatable(data)
    return within_class_covariance(passes(), means, np.where(counts > 0, seen, 0))


def collected(observed: Iterable[tuple[Array, Array, Array]]) -> tuple[Array, Array]:
    """All features (N, d), float32, and labels (N,) of what `observe` yields."""
    kept = [(features.astype("float32"), labels) for features, _, labels in observed]
    features, labels = map(np.concatenate, zip(*kept, strict=True))
    return features, labels


def sampled(
    observed: Iterable[tuple[Array, Array, Array]], num_classes: int, dimension: int
) -> tuple[Array, Array, str]:
    """Features (n, d), float32, and labels (n,) of what `observe` yields.

    Of all images if their logits and features have room, else of a random part, which
    the sentence tells that is "" otherwise.
    """
    sample, images = Sample(max(num_classes, dimension)), 0
    kept = ((f, f.astype("float32"), labels) for f, _, labels in observed)
    for *_, labels in sample.watch(kept):
        images += len(labels)
    features, labels = sample.arrays()
    part = f"Fitted on a random {len(labels):,} of {images:,} held-out images."
    return features, labels, part if len(labels) < images else ""
