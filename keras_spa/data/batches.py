from collections.abc import Mapping
from typing import Any

import keras

from keras_spa import _arrays, _checks
from keras_spa._types import Array
from keras_spa.data._labels import as_list
from keras_spa.data._named import by_name
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.order import PARTNER, epoch_order


class Batches(keras.utils.PyDataset):
    """Arrays in batches for `fit`, without TensorFlow.

    The order is that of `epoch_order`: two models trained with the same seed see the
    same batches on any backend, which is what makes their comparison a paired one.
    Pass `shuffle=False` to `fit`: Keras would shuffle the batches once more. It also
    looks at the data once before a compiled model's first epoch, and that look counts
    as an epoch: training then starts with the order of the one after `first_epoch`, and
    with its first batch. A callback that calls `start(epoch, first_batch)` in
    `on_epoch_begin` makes it go on where it was, amid an epoch, too.

    With a `partner` each batch brings along as many images of another sampler, to be
    mixed with (GLMC, ReMix): `x` is then a dict of `"images"`, `"partner"` and
    `"partner_labels"`, and `y` stays the labels of `"images"`.

    Args:
        data: `(images, labels)`: arrays (N, …) and integers (N,) or (N, 1).
        batch_size: Samples a batch, B; the last one of an epoch may be smaller.
        seed: Seed of the order. Defaults to 0.
        sampling: `"instance"` (default), `"class_balanced"`, `"reverse"` or a number,
            as in `epoch_order`.
        partner: The same for the partners, drawn independently, or None (default).
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
    >>> x, y = spa.data.Batches(data, batch_size=128, partner="class_balanced")[2]
    >>> {name: x[name].shape for name in ("images", "partner", "partner_labels")}
    {'images': (44, 32, 32, 3), 'partner': (44, 32, 32, 3), 'partner_labels': (44,)}

    Reference: ours.
    """

    def __init__(
        self,
        data: Any,
        batch_size: int,
        seed: int = 0,
        sampling: str | float = "instance",
        first_epoch: int = 0,
        first_batch: int = 0,
        partner: str | float | None = None,
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
        first_epoch = _checks.integer("first_epoch", first_epoch, 0)
        seed = _checks.seed("seed", seed)
        self.seed, self.sampling, self.partner = seed, sampling, partner
        self.start(first_epoch, first_batch)

    def start(self, epoch: int, first_batch: int = 0) -> None:
        """Makes `epoch`, from that batch on, the one that comes next."""
        steps = -(-len(self.labels) // self.batch_size)
        first_batch = _checks.integer("first_batch", first_batch, 0, steps - 1)
        order = epoch_order(self.labels, epoch, self.seed, self.sampling)
        first = first_batch * self.batch_size
        self.epoch, self.order = epoch, order[first:]
        if self.partner is not None:
            partners = epoch_order(
                self.labels, epoch, self.seed, self.partner, stream=PARTNER
            )
            self.partners = partners[first:]

    def on_epoch_end(self) -> None:
        self.start(self.epoch + 1)

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: Any) -> Any:
        batch = slice(index * self.batch_size, (index + 1) * self.batch_size)
        rows = self.order[batch]
        own = self.images[rows], self.labels[rows]
        if self.partner is None:
            return own
        rows = self.partners[batch]
        return with_partner(own, (self.images[rows], self.labels[rows]))


def _as_array(images: Any) -> Array:
    try:
        array = _arrays.array("data", images)
    except ValueError:
        array = None
    if array is None or not array.ndim:
        dtype = getattr(images, "dtype", "object")
        raise ValueError(
            "Argument `data` must hold images of one shape, as an array of numbers. "
            f"Received: {type(images).__name__} of dtype {dtype}"
        )
    return array


def with_partner(own: tuple[Any, Any], partner: tuple[Any, Any]) -> tuple[Any, Any]:
    """`(x, y)` as `fit` takes it, of two batches of images and labels."""
    (images, labels), (others, their_labels) = own, partner
    x = {"images": images, "partner": others, "partner_labels": their_labels}
    return x, labels


def images_and_labels(data: Any) -> tuple[Any, Array]:
    """`(images, labels)` of a pair, labels as an array, lengths compared."""
    if isinstance(data, Mapping):
        data = by_name("data", data)
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        many = f" of {len(data)}" if isinstance(data, (tuple, list)) else ""
        raise ValueError(
            "Argument `data` must be a pair (images, labels), such as `data.train` of "
            f"`keras_spa.data.load`. Received: {type(data).__name__}{many}"
        )
    images, labels = data
    if not isinstance(images, ImageFiles):
        images = _as_array(images)
    labels = as_list(labels, "data")
    if not labels.ndim or len(images) != len(labels) or not len(labels):
        raise ValueError(
            "Argument `data` must hold as many labels as images, and at least one. "
            f"Received: {len(images)} images, {labels.size} labels"
        )
    return images, labels
