"""Training a layer on features that were computed once."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Dataset
from keras_spa.data.order import SAMPLINGS, epoch_order
from keras_spa.metrics._inputs import listed
from keras_spa.models._logits_taken import check_takes_logits
from keras_spa.trained._linear import linear
from keras_spa.trained._passes import augmented, finite, naming
from keras_spa.trained.observe import Observer, observe

LEARNING_RATE = 0.01  # of Adam
CROSS_ENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@dataclasses.dataclass(frozen=True)
class Training:
    """How a layer is trained on features; the arguments of `retrain_head`.

    Raises:
        ValueError: an argument of another kind or out of range.
    """

    loss: keras.losses.Loss | None
    optimizer: keras.optimizers.Optimizer | None
    sampling: str
    steps: int
    batch_size: int
    seed: int
    verbose: str | int

    def __post_init__(self) -> None:
        if not (self.loss is None or isinstance(self.loss, keras.losses.Loss)):
            raise ValueError(
                "Argument `loss` must be a keras.losses.Loss of integer labels and "
                "logits, such as keras_spa.losses.BalancedSoftmax, or None. Received: "
                f"loss={self.loss!r}"
            )
        check_takes_logits(loss=self.loss)
        _checks.choice("sampling", self.sampling, SAMPLINGS)
        for name in ("steps", "batch_size"):
            number = _checks.integer(name, getattr(self, name), 1)
            object.__setattr__(self, name, number)
        object.__setattr__(self, "seed", _checks.seed("seed", self.seed))
        optimizer = self.optimizer
        if not (optimizer is None or isinstance(optimizer, keras.optimizers.Optimizer)):
            raise ValueError(
                "Argument `optimizer` must be an optimizer of Keras, such as "
                "keras.optimizers.SGD(0.2, momentum=0.9), or None. Received: "
                f"optimizer={optimizer!r}"
            )

    def fit(self, model: keras.Model, inputs: Array, labels: Array) -> None:
        """Trains a model on arrays (N, m).

        Raises:
            ValueError: the loss is not finite.
        """
        if self.optimizer is None:
            rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, self.steps)
            optimizer = keras.optimizers.Adam(rate)
        else:  # one of its own: its variables are those of one model
            optimizer = self.optimizer.from_config(self.optimizer.get_config())
        model.compile(optimizer, self.loss or CROSS_ENTROPY)
        batches = _Batches(inputs, labels, self)
        history = model.fit(batches, shuffle=False, verbose=self.verbose)
        if not np.isfinite(history.history["loss"]).all():
            raise ValueError(
                "Argument `optimizer` must be one with which the loss stays finite; "
                f"lower its rate. Received: losses {history.history['loss']}"
            )


def observed(
    observer: Observer,
    dataset: Dataset,
    augment: Callable[[Any], Any] | Dataset | None,
    batch_size: int,
    verbose: str | int,
) -> Iterator[tuple[Array, Array, Array]]:
    """Features, logits and labels of the images that a head is trained on, checked."""
    source = "dataset" if augment is None else "augment"
    if augment is not None:
        dataset = augmented(observer, dataset, augment, batch_size)
    # Labels of images that a function augments are those of the data set.
    with naming("dataset" if callable(augment) else source):
        seen = observe(observer, dataset, batch_size, verbose)
        yield from finite(linear(seen, observer), source)


def check_all_classes(labels: Array, num_classes: int, name: str = "dataset") -> None:
    """Raises if there are no images of some class: what was known of it would go."""
    missing = np.setdiff1d(np.arange(num_classes), labels)
    if len(missing):
        raise ValueError(
            f"Argument `{name}` must hold images of every class; leave a class without "
            f"any out of the model. Received: no images of {listed(missing)}"
        )


class _Batches(keras.utils.PyDataset):
    """A number of batches, whatever the number of samples: epoch after epoch."""

    def __init__(self, inputs: Array, labels: Array, training: Training) -> None:
        super().__init__()
        self.inputs, self.labels = inputs, labels
        size = training.steps * training.batch_size
        orders = [
            epoch_order(labels, epoch, training.seed, training.sampling)
            for epoch in range(-(-size // len(labels)))
        ]
        self.rows = np.concatenate(orders)[:size].reshape(training.steps, -1)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.inputs[self.rows[index]], self.labels[self.rows[index]]


def root_mean_square(inputs: Array) -> float:
    """By which inputs are divided before training; 1 where all are zero."""
    squares = np.einsum("nd,nd->", inputs, inputs, dtype="float64")  # without a copy
    return float(np.sqrt(squares / inputs.size)) or 1.0
