import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Tensor
from keras_spa.data import _decode
from keras_spa.data._tensorflow import import_tensorflow
from keras_spa.data.augment._values import check_layers
from keras_spa.data.batches import images_and_labels, with_partner
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.order import PARTNER, epoch_order
from keras_spa.data.views import Views

SHARDING = ("data", "off", "auto", "file", "hint")


def pipeline(
    data: Any,
    batch_size: int,
    *,
    training: bool = True,
    seed: int = 0,
    sampling: str | float = "instance",
    partner: str | float | None = None,
    augment: Any = None,
    mix: Any = None,
    num_classes: int | None = None,
    image_size: int = 224,
    drop_remainder: bool = False,
    repeat: bool = False,
    first_epoch: int = 0,
    first_batch: int = 0,
    on_error: str = "raise",
    auto_shard: str = "data",
) -> Any:
    """A `tf.data.Dataset` of batches that never keeps the device waiting.

    In training the order of epoch e is `epoch_order(labels, e, seed, sampling)` and
    augmentation depends on `seed`, epoch and batch alone. What is shuffled are
    numbers, never images: arrays stay in memory once, as they are, and image files are
    read, decoded and cropped in parallel when their batch is due.

    Args:
        data: `(images, labels)`, such as `data.train` of `load`: images are an array
            (N, H, W, C) or `ImageFiles`, labels integers (N,) or (N, 1).
        batch_size: Images a batch over all replicas (global), B.
        training: True (default): shuffled, image files cropped at random (8 % to 100 %
            of the area, aspect ratio 3/4 to 4/3) and flipped with probability 1/2.
            False: in the order of `data`, of image files the central square of 7/8 of
            the shorter side, no augmentation and no mixing.
        seed: Seed of order and augmentation. Defaults to 0.
        sampling: `"instance"` (default), `"class_balanced"`, `"reverse"` or a number,
            as in `epoch_order`.
        partner: The same for a second batch that each batch brings along, as in
            `Batches`, drawn and augmented independently; or None (default).
        augment: A layer of `keras_spa.data` (reproducible), any other layer or function
            of a batch of images, such as `keras.layers.RandAugment`, or a list of them.
            A `Views` alone gives a tuple of views in place of images; of image files
            each view has a crop of its own.
        mix: `keras.layers.MixUp`, `CutMix` or one of keras-cv: labels become soft
            (B, K) and float32. Needs `num_classes`.
        num_classes: K, for `mix`.
        image_size: Height and width of images from files. Defaults to 224.
        drop_remainder: Whether to leave out an epoch's last, smaller batch, so that
            all shapes are static (TPU). Defaults to False.
        repeat: False (default): each iteration is one epoch, the first one
            `first_epoch`, the next one the epoch after it. (On JAX and PyTorch `fit`
            looks at the data once before the first epoch, which counts.) True: endless
            from `first_epoch` on; `fit` then needs `steps_per_epoch`.
        first_epoch: Number of the first epoch, for a training that goes on.
        first_batch: Number of the batch of that epoch to begin with. Defaults to 0;
            others need `repeat=True`. (Batches before it are not augmented, but image
            files are read.)
        on_error: `"raise"` (default) names a damaged image file; `"skip"` leaves it
            out with a warning that counts.
        auto_shard: How `tf.distribute` shares the data among workers: `"data"`
            (default), `"off"`, `"auto"`, `"file"` or `"hint"`.

    Returns:
        `tf.data.Dataset` of `(images, labels)`: (B, H, W, C) in the dtype of `data`
        (uint8 from files) or of `augment`, and int32 (B,). With a partner, in training,
        the first is a dict of `"images"`, `"partner"` and `"partner_labels"`.

    Raises:
        ValueError: an argument out of range, an array of another value range than the
            layers' `value_range`; before any image is read.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> data = np.zeros((300, 32, 32, 3), "uint8"), np.arange(300) % 10
    >>> batches = spa.data.pipeline(data, 128, augment=spa.data.RandomCropFlip())
    >>> [tuple(images.shape) for images, labels in batches]
    [(128, 32, 32, 3), (128, 32, 32, 3), (44, 32, 32, 3)]

    Reference: ours; crops of files as in Szegedy et al. (CVPR 2015), "Going Deeper
    with Convolutions", section 6.
    """
    images, labels = images_and_labels(data)
    batch_size = _checks.integer("batch_size", batch_size, 1)
    first_epoch = _checks.integer("first_epoch", first_epoch, 0)
    seed = _checks.seed("seed", seed)
    training = _checks.choice("training", training, (True, False))
    image_size = _checks.integer("image_size", image_size, 1)
    _checks.choice("on_error", on_error, ("raise", "skip"))
    _checks.choice("auto_shard", auto_shard, SHARDING)
    samplings = [sampling] if partner is None else [sampling, partner]
    for one in samplings:
        epoch_order(labels, first_epoch, seed, one)  # checks them all
    first_batch = _checks.integer("first_batch", first_batch, 0)
    if first_batch and not repeat:
        raise ValueError(
            "Argument `first_batch` needs `repeat=True`. "
            f"Received: first_batch={first_batch}, repeat={repeat}"
        )
    if mix is not None:
        num_classes = _checks.integer("num_classes", num_classes, int(labels.max()) + 1)
        if partner is not None or isinstance(augment, Views):
            raise ValueError(
                "Argument `mix` mixes the images of one batch, and goes neither with "
                f"`partner` nor with `Views`. Received: mix={mix!r}"
            )
    if not training:
        samplings = samplings[:1]
    layers = _layers(augment) if training else []
    check_layers(images, layers)
    views = len(augment) if layers and isinstance(augment, Views) else 1
    num_seeds = len(layers) + views  # for a crop, for the layers, for others' crops
    tf = import_tensorflow()

    epochs = tf.data.Dataset.from_generator(
        _epochs(labels, training, seed, samplings, first_epoch, repeat, num_seeds),
        output_signature=(
            tf.TensorSpec((len(samplings), None), "int64"),
            tf.TensorSpec((len(samplings), num_seeds), "int32"),
        ),
    )
    labels = tf.constant(labels, "int32")
    if from_files := isinstance(images, ImageFiles):
        load = _decode.decoder(images.paths, image_size, training, on_error)
    else:
        images = tf.convert_to_tensor(images)

    def batches_of_epoch(orders: Tensor, seeds: Tensor) -> Any:
        parts = []
        for s in range(len(samplings)):
            rows = tf.data.Dataset.from_tensor_slices(orders[s])
            if from_files:
                crops = [seeds[s, 0], *tf.unstack(seeds[s, 1 + len(layers) :])]
                rows = load(rows, crops)
            parts.append(rows)
        batches = tf.data.Dataset.zip(tuple(parts)).batch(batch_size, drop_remainder)
        return batches.enumerate().map(lambda i, parts: (parts, i, seeds))

    def finish(parts: Any, i: Tensor, seeds: Tensor) -> tuple[Any, Any]:
        made = []
        for s, part in enumerate(parts):
            rows, x = part if from_files else (part, tf.gather(images, part))
            for k, layer in enumerate(layers, 1):
                x = _augmented(layer, x, tf.stack([seeds[s, k], tf.cast(i, "int32")]))
            made.append((x, tf.gather(labels, rows)))
        return made[0] if len(made) == 1 else with_partner(*made)

    batches = epochs.flat_map(batches_of_epoch).skip(first_batch)
    batches = batches.map(finish, num_parallel_calls=tf.data.AUTOTUNE)
    if mix is not None and training:  # one after the other: `mix` counts its calls
        batches = batches.map(_mixer(mix, num_classes))
    if on_error == "raise" or not from_files:
        steps = len(labels) // batch_size
        steps += not drop_remainder and len(labels) % batch_size > 0
        steps = tf.data.INFINITE_CARDINALITY if repeat else steps
        batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    options = tf.data.Options()
    policy = getattr(tf.data.experimental.AutoShardPolicy, auto_shard.upper())
    options.experimental_distribute.auto_shard_policy = policy
    return batches.with_options(options).prefetch(tf.data.AUTOTUNE)


def _layers(augment: Any) -> list[Callable[..., Any]]:
    layers = list(augment) if isinstance(augment, (list, tuple)) else [augment]
    layers = [layer for layer in layers if layer is not None]
    wrong = [layer for layer in layers if not callable(layer)]
    if wrong or (len(layers) > 1 and any(isinstance(x, Views) for x in layers)):
        raise ValueError(
            "Argument `augment` must be a layer, a function of a batch of images, or a "
            "list of them; a `Views` stands alone, and has all layers inside. "
            f"Received: augment={augment!r}"
        )
    return layers


def _epochs(
    labels: Array,
    training: bool,
    seed: int,
    samplings: Sequence[str | float],
    first_epoch: int,
    repeat: bool,
    num_seeds: int,
) -> Callable[[], Iterator[tuple[Array, Array]]]:
    """A function that iterates over (orders, seeds), one pair an epoch.

    Both have a row for the batches, and perhaps one for their partners.
    """
    labels, coming = np.asarray(labels), itertools.count(first_epoch)

    def one_epoch(epoch: int) -> tuple[Array, Array]:
        size = len(samplings), num_seeds
        if not training:
            return np.arange(len(labels))[None], np.zeros(size, "int32")
        seeds = np.random.RandomState([seed, epoch, 1]).randint(2**31, size=size)
        streams = (0, PARTNER)[: len(samplings)]
        orders = [
            epoch_order(labels, epoch, seed, one, stream)
            for one, stream in zip(samplings, streams, strict=True)
        ]
        return np.stack(orders), seeds.astype("int32")

    def epochs() -> Iterator[tuple[Array, Array]]:
        numbers = itertools.count(first_epoch) if repeat else [next(coming)]
        yield from map(one_epoch, numbers)

    return epochs


def _augmented(layer: Any, images: Tensor, seed: Tensor) -> Tensor:
    if hasattr(layer, "augment"):
        return layer.augment(images, seed)
    if isinstance(layer, keras.layers.Layer):
        return layer(images, training=True)
    return layer(images)


def _mixer(
    mix: Any, num_classes: int | None
) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    tf = import_tensorflow()

    def mixed(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        soft = {"images": images, "labels": tf.one_hot(labels, num_classes)}
        soft = mix(soft, training=True)
        return soft["images"], soft["labels"]

    return mixed
