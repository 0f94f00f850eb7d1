"""Images in the shape that a network takes, as arrays or as batches of files."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

import keras_spa as spa
from keras_spa._types import Array
from keras_spa.cli.preprocessing import PIXELS
from keras_spa_cli import is_there

SMALL, LARGE = 64, 224  # pixels: up to which images stay as they are, and else
SAMPLE = 64  # files that are looked at to tell the size
SLICE = 512  # images that become grey at a time
LIMITS = (
    "Classes of few training images are recognised less well, and an image of none of "
    "the classes gets one of their names all the same."
)


@dataclasses.dataclass(frozen=True)
class Feed:
    """A data set in one shape.

    Args:
        data: The data set; small images are arrays by now, others `ImageFiles`.
        shape: Height, width and channels.
        batch_size: Images at a time.
        pixels: What numbers the network takes a pixel for, of `PIXELS`.
        of_model: The card that the network came with, if any.
    """

    data: spa.data.LongTailedData
    shape: tuple[int, int, int]
    batch_size: int
    pixels: str = "0..255"
    of_model: spa.ModelCard | None = None

    @property
    def class_counts(self) -> Array:
        """Training images of each class, of which the model's card knows best."""
        if self.of_model is not None and self.of_model.class_counts is not None:
            return np.array(self.of_model.class_counts)
        return self.data.class_counts

    @property
    def from_files(self) -> bool:
        return isinstance(self.data.train.images, spa.data.ImageFiles)

    def card(self, method: str, accuracy: dict[str, float]) -> spa.ModelCard:
        """The model's card with another method, or a new one; accuracies as shares."""
        if self.of_model is not None:
            method = f"{self.of_model.method} {method}".strip()
            return dataclasses.replace(self.of_model, method=method, accuracy=accuracy)
        return spa.ModelCard(
            self.data.class_names,
            self.data.class_counts.tolist(),
            data=self.data.name,
            preprocessing={"input_shape": list(self.shape), "pixels": self.pixels},
            method=method,
            accuracy=accuracy,
            limits=LIMITS,
        )

    def batches(self, split: spa.data.Split) -> Any:
        """Images and labels in order and without augmentation, to go through again."""
        scale = _scale(self.pixels)
        if self.from_files:
            images = spa.data.pipeline(
                split, self.batch_size, training=False, image_size=self.shape[0]
            )
            if self.shape[2] == 1:
                images = images.map(lambda x, y: (_grey(x), y))
            return images if scale is None else images.map(lambda x, y: (scale(x), y))
        x = split.images if scale is None else scale(split.images)
        return x, split.labels


def feed(
    data: spa.data.LongTailedData,
    batch_size: int,
    image_size: int | None = None,
    shape: tuple[Any, ...] | None = None,
    pixels: str = "0..255",
    card: spa.ModelCard | None = None,
) -> Feed:
    """The data in one shape.

    Args:
        data: Arrays or files.
        batch_size: Images at a time.
        image_size: Side for files, None: their own if all are alike and at most 64
            pixels, else 224.
        shape: That of a network's input, which the images must fit; None: any.
        pixels: As in `Feed`.
        card: That of the network, which says the side of files, and the channels,
            where `shape` does not.

    Raises:
        ValueError: arrays of another shape; larger files without TensorFlow.
    """
    completed = None if shape is None else _completed(shape, card)
    images = data.train.images
    if isinstance(images, spa.data.ImageFiles):
        if completed is not None:
            image_size = _side(completed)
        grey = completed is not None and completed[2] == 1
        own = common_shape(images)
        if own is not None and image_size in (None, *own[:2]) and own[0] == own[1]:
            arrays = _in_memory(data, own)
            if arrays is not None:
                if grey:
                    arrays, own = _mapped(arrays, _grey), (*own[:2], 1)
                return Feed(arrays, own, batch_size, pixels, card)
        if not is_there("tensorflow"):
            raise ValueError(
                f"Images in files of more than {SMALL} pixels or of several sizes are "
                "read by TensorFlow, which is missing (pip install tensorflow). "
                "Without it, DATA must be an .npz archive"
            )
        size = image_size or LARGE
        return Feed(data, (size, size, 1 if grey else 3), batch_size, pixels, card)
    if shape is None and image_size not in (None, *images.shape[1:3]):
        raise ValueError(
            f"--image_size is for image files; those of the archive are "
            f"{images.shape[1]}×{images.shape[2]}"
        )
    if shape is not None and completed is not None:
        data = _fitted(data, (*shape[:2], completed[2]))  # of any side that it takes
    return Feed(data, data.train.images.shape[1:], batch_size, pixels, card)


def common_shape(files: spa.data.ImageFiles) -> tuple[int, int, int] | None:
    """The shape of small images, if a sample of the files has one alone."""
    rows = np.unique(np.linspace(0, len(files) - 1, SAMPLE).astype(int))
    shapes = set()
    for row in rows.tolist():
        shapes.add(files[row].shape)
        if len(shapes) > 1 or max(next(iter(shapes))[:2]) > SMALL:
            return None
    return shapes.pop()


def _in_memory(
    data: spa.data.LongTailedData, shape: tuple[int, ...]
) -> spa.data.LongTailedData | None:
    """The data as arrays; None if a file has another shape."""
    arrays: dict[str, Any] = {}
    for name, split in data.splits().items():
        images = np.empty((len(split.labels), *shape), "uint8")
        for i, image in enumerate(split.images):
            if image.shape != shape:
                return None
            images[i] = image
        arrays[name] = spa.data.Split(images, split.labels)
    return dataclasses.replace(data, **arrays)


def _completed(shape: tuple[Any, ...], card: spa.ModelCard | None) -> tuple[Any, ...]:
    """A network's input shape, where it is free that of its card."""
    said = None if card is None else card.preprocessing.get("input_shape")
    if not (isinstance(said, list) and len(said) == 3):
        return shape
    if not all(type(number) is int and number > 0 for number in said):
        return shape
    return tuple(b if a is None else a for a, b in zip(shape, said, strict=True))


def _side(shape: tuple[Any, ...]) -> int | None:
    if len({*shape[:2]}) != 1 or shape[2] not in (None, 1, 3):
        raise ValueError(
            "MODEL must take square images of 1 or 3 channels where DATA are image "
            f"files. Received: a model of input shape {shape}"
        )
    return shape[0]


def _fitted(
    data: spa.data.LongTailedData, shape: tuple[Any, ...]
) -> spa.data.LongTailedData:
    """Arrays as a network's input; grey ones may become RGB."""
    own = data.train.images.shape[1:]
    grey = own[2] == 1 and shape[2] == 3
    if any(want not in (None, is_) for want, is_ in zip(shape[:2], own, strict=False)):
        raise ValueError(
            f"MODEL takes images of {shape[0]}×{shape[1]} pixels, DATA have "
            f"{own[0]}×{own[1]}"
        )
    if shape[2] not in (None, own[2]) and not grey:
        raise ValueError(f"MODEL takes {shape[2]} channels, the images have {own[2]}")
    return _mapped(data, lambda x: np.repeat(x, 3, axis=-1)) if grey else data


def _mapped(
    data: spa.data.LongTailedData, function: Callable[[Array], Array]
) -> spa.data.LongTailedData:
    """The data with a function of all their arrays of images."""
    splits: dict[str, Any] = {
        name: spa.data.Split(function(split.images), split.labels)
        for name, split in data.splits().items()
    }
    return dataclasses.replace(data, **splits)


def _grey(images: Any) -> Any:
    """RGB (B, H, W, 3), uint8, as its luminance of ITU-R 601, as Pillow has it."""
    if isinstance(images, np.ndarray):
        result = np.empty((*images.shape[:-1], 1), "uint8")
        for start in range(0, len(images), SLICE):
            part = slice(start, start + SLICE)
            red, green, blue = np.moveaxis(images[part].astype("int32"), -1, 0)
            grey = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
            result[part, ..., 0] = grey
        return result
    import tensorflow as tf

    red, green, blue = tf.unstack(tf.cast(images, "int32"), axis=-1)
    grey = (19595 * red + 38470 * green + 7471 * blue + 32768) // 65536
    return tf.cast(grey, "uint8")[..., None]


def _scale(pixels: str) -> Callable[[Any], Any] | None:
    factor, offset = PIXELS[pixels]
    if (factor, offset) == (1.0, 0.0):
        return None

    def scale(images: Any) -> Any:
        if isinstance(images, np.ndarray):
            return images.astype("float32") * np.float32(factor) + np.float32(offset)
        import tensorflow as tf

        return tf.cast(images, "float32") * factor + offset

    return scale
