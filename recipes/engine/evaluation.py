"""How well a classifier does: accuracy by shots and class, calibration, confusions."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

import keras_spa as spa
from engine.artifact import Artifact
from keras_spa.files import without_nan
from keras_spa.metrics import confidence_bins, shot_means
from keras_spa.metrics.calibration import BINS


def shot_accuracies(
    per_class: Sequence[float] | np.ndarray, class_counts: Sequence[int] | np.ndarray
) -> dict[str, float | None]:
    """`keras_spa.metrics.shot_means`, with None where JSON cannot hold NaN."""
    return without_nan(shot_means(per_class, class_counts))


class Scores:
    """Sums over batches, whose size does not grow with the number of images.

    The expected calibration error is that of Guo et al. (ICML 2017), "On Calibration
    of Modern Neural Networks": images fall into 15 bins of equal width by the largest
    probability, the confidence, and
    `ECE = Σ_bins (images in bin / images) · |accuracy − mean confidence|`.
    """

    def __init__(self, class_counts: Sequence[int]) -> None:
        self.class_counts = np.asarray(class_counts)
        classes = len(self.class_counts)
        self.confusion = np.zeros((classes, classes), "int64")  # truth, prediction
        self.bins = np.zeros((3, BINS))  # images, right ones, sum of confidences
        self.log_loss = 0.0

    def update(
        self, labels: np.ndarray, logits: np.ndarray, probabilities: np.ndarray
    ) -> None:
        """Adds a batch: labels (B,), logits and probabilities (B, K)."""
        predicted = np.argmax(logits, axis=1)
        np.add.at(self.confusion, (labels, predicted), 1)
        self.bins += confidence_bins(probabilities, labels)
        largest = logits.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
        self.log_loss += float(
            (normaliser - logits[np.arange(len(labels)), labels]).sum()
        )

    @property
    def images(self) -> int:
        """Images so far."""
        return int(self.confusion.sum())

    def accuracies(self) -> dict[str, Any]:
        """In percent: all images; means over the classes of each shot; by class.

        None for a class without images and for a group without classes.
        """
        tested = self.confusion.sum(axis=1)
        right = np.diag(self.confusion)
        share = right / np.maximum(tested, 1)
        per_class = np.where(tested, 100 * share, np.nan)
        return {
            "all": 100 * float(right.sum() / tested.sum()),
            **shot_accuracies(per_class, self.class_counts),
            "per_class": without_nan(per_class.tolist()),
        }

    def calibration_error(self) -> float:
        """ECE in percent."""
        images, right, confidence = self.bins
        return 100 * float(np.abs(right - confidence).sum() / images.sum())

    def result(self) -> dict[str, Any]:
        """All figures, ready for JSON."""
        return {
            "images": self.images,
            "class_counts": self.class_counts.tolist(),
            "accuracy": self.accuracies(),
            "calibration_error": self.calibration_error(),
            "log_loss": self.log_loss / self.images,
        }

    def head_to_tail(self) -> np.ndarray:
        """Classes from the most to the least training images."""
        return np.argsort(-self.class_counts, kind="stable")


def evaluate(
    model: Artifact,
    data: spa.data.LongTailedData,
    split: str,
    batch_size: int,
    card: spa.ModelCard | None = None,
) -> Scores:
    """The scores of an artifact on one split, under a progress bar.

    By the names of a card the classes of `data` must be those of the model, and in its
    order; many, medium and few shot are what the model was trained on, if it says so.
    """
    images = data.splits().get(split)
    if images is None or not len(images.labels):
        raise ValueError(f"{data.name} has no {split} images")
    if card is not None and card.class_names != data.class_names:
        raise ValueError(f"The classes of {data.name} are not those of the model")
    counts = None if card is None else card.class_counts
    scores = Scores(data.class_counts if counts is None else counts)
    bar = keras.utils.Progbar(len(images.labels), unit_name="image")
    for batch, labels in _batches(images, model.input_shape, batch_size):
        logits, probabilities = model(batch)
        if logits.shape[-1] != data.num_classes:
            raise ValueError(
                f"{data.name} has {data.num_classes} classes; the model tells "
                f"{logits.shape[-1]} apart"
            )
        scores.update(labels, logits, probabilities)
        bar.add(len(labels))
    return scores


def _batches(
    split: spa.data.Split, shape: tuple[int | None, ...], batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of images and labels as arrays; files are read when it is their turn."""
    if isinstance(split.images, spa.data.ImageFiles):
        if len(shape) != 3 or shape[0] in (None, -1) or shape[0] != shape[1]:
            raise ValueError(f"Image files need a model of square images, not {shape}")
        if shape[2] not in (None, -1, 3):
            raise ValueError(
                f"Image files need a model of three colours, not of shape {shape}"
            )
        yield from spa.data.pipeline(
            split, batch_size, training=False, image_size=shape[0]
        ).as_numpy_iterator()
        return
    sizes = split.images.shape[1:]
    fits = len(sizes) == len(shape) and all(
        wanted in (None, -1, size) for wanted, size in zip(shape, sizes, strict=True)
    )
    if not fits:
        raise ValueError(f"The model takes images of shape {shape}, not {sizes}")
    for start in range(0, len(split.labels), batch_size):
        rows = slice(start, start + batch_size)
        yield split.images[rows], split.labels[rows]
