from typing import Any

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.order import epoch_order


class Batches(keras.utils.PyDataset):
    """Arrays in batches for `fit`, without TensorFlow.

    The order is that of `epoch_order`: two models trained with the same seed see the
    same batches on any backend, which is what makes their comparison a paired one.
    Pass `shuffle=False` to `fit`: Keras would shuffle the batches once more. It also
    looks at the data once before a compiled model's first epoch, and that look counts
    as an epoch: training then starts with the order of the one after `first_epoch`.

    Args:
        data: `(images, labels)`: arrays (N, …) and integers (N,).
        batch_size: Samples a batch, B; the last one of an epoch may be smaller.
        seed: Seed of the order. Defaults to 0.
        sampling: `"instance"` (default), `"class_balanced"` or `"reverse"`.
        first_epoch: Number of the first epoch, for a training that goes on.
            Defaults to 0.
        first_batch: Number of the batch of that epoch to begin with. Defaults to 0.
        **kwargs: `workers` and others of `keras.utils.PyDataset`.

    Raises:
        ValueError: images and labels of different lengths, or an argument out of range.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> data = np.zeros((300, 32, 32, 3), "uint8"), np.arange(300) % 10
    >>> batches = spa.data.Batches(data, batch_size=128)
    >>> len(batches), batches[2][0].shape
    (3, (44, 32, 32, 3))

    Reference: ours.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        seed: int = 0,
        sampling: str = "instance",
        first_epoch: int = 0,
        first_batch: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.images, self.labels = images_and_labels(data)
        if isinstance(self.images, ImageFiles):
            raise ValueError(
                "Argument `data` must hold an array of images; files go through "
                f"`keras_spa.data.pipeline`. Received: {self.images!r}"
            )
        self.batch_size = _checks.integer("batch_size", batch_size, 1)
        self.seed, self.sampling = seed, sampling
        self.start(first_epoch, first_batch)

    def start(self, epoch: int, first_batch: int = 0) -> None:
        """Makes `epoch`, from that batch on, the one that comes next."""
        steps = -(-len(self.labels) // self.batch_size)
        _checks.integer("first_batch", first_batch, 0, steps - 1)
        order = epoch_order(self.labels, epoch, self.seed, self.sampling)
        self.epoch, self.order = epoch, order[first_batch * self.batch_size :]

    def on_epoch_end(self) -> None:
        self.start(self.epoch + 1)

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: Any) -> Any:
        rows = self.order[index * self.batch_size :][: self.batch_size]
        return self.images[rows], self.labels[rows]


def images_and_labels(data: Any) -> tuple[Any, Array]:
    """`(images, labels)` of a pair, labels as an array, lengths compared."""
    try:
        images, labels = data
    except (TypeError, ValueError):
        raise ValueError(
            "Argument `data` must be a pair (images, labels), such as `data.train` of "
            f"`keras_spa.data.load`. Received: {type(data).__name__}"
        ) from None
    labels = np.asarray(labels)
    if len(images) != len(labels) or not len(labels):
        raise ValueError(
            "Argument `data` must hold as many labels as images, and at least one. "
            f"Received: {len(images)} images, {len(labels)} labels"
        )
    return images, labels
