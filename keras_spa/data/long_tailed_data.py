import collections
import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from keras_spa import _arrays, _checks
from keras_spa._types import Array


class Split(NamedTuple):
    """Images and their labels: `model.fit(*data.train)`.

    Args:
        images: uint8 array (N, H, W, C), or `ImageFiles` of length N.
        labels: int32 array (N,) in 0..K−1.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> split = spa.data.Split(np.zeros((2, 8, 8, 1), "uint8"), np.array([0, 1]))
    >>> split.images.shape
    (2, 8, 8, 1)

    Reference: ours.
    """

    images: Any
    labels: np.ndarray

    def take(self, indices: Array) -> Self:
        """The images and labels at some indices, or where a mask is True."""
        images = self.images
        if _arrays.is_table(images):
            images = _arrays.array("images", images)
        labels = _arrays.array("labels", self.labels)
        return type(self)(images[indices], labels[indices])


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LongTailedData:
    """A data set for long-tailed recognition, as `load` returns it.

    Args:
        name: What to call it in tables and pictures.
        train: The training `Split`.
        validation: `Split` to choose hyper-parameters on, or None.
        test: `Split` to report, or None.
        class_names: K strings, in the order of the labels; any sequence or array (K,)
            of them becomes a tuple. Some may be the same, as two of ImageNet's are
            called crane; `reordered` needs each once.
        validation_source: Where `validation` comes from. `None`: there is none.
            `"official"`: it belongs to the data set. `"unused"`: from training images
            that the long-tailed subset leaves over; `train` is the same as without.
            `"training"`: taken out before the subset was drawn; `train` is smaller
            than without.
        skipped: Names of damaged files that were left out. Defaults to none.

    Attributes:
        class_counts: int64 array (K,), the training images of each class.
        num_classes: K.

    Raises:
        ValueError: fewer than 2 classes, a class without a training image, labels out
            of range, or not one label for each image.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> train = spa.data.Split(np.zeros((3, 8, 8, 1), "uint8"), np.array([0, 1, 0]))
    >>> data = spa.data.LongTailedData("tiny", train, None, None, ("cat", "dog"))
    >>> data.class_counts.tolist()
    [2, 1]
    >>> data
    <LongTailedData 'tiny': 3 training images of 2 classes, imbalance factor 2>

    Reference: ours.
    """

    name: str
    train: Split
    validation: Split | None
    test: Split | None
    class_names: tuple[str, ...]
    validation_source: str | None = None
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", _checks.class_names(self.class_names))
        for part in ("train", "validation", "test"):
            split = getattr(self, part)
            needed = split is not None or part == "train"
            if needed and not (isinstance(split, tuple) and hasattr(split, "labels")):
                raise ValueError(
                    f"Argument `{part}` must be a Split{' or None' * (part != 'train')}"
                    f". Received: {type(split).__name__}"
                )
        if self.num_classes < 2:
            raise ValueError(
                "A long-tailed data set must have at least 2 classes. "
                f"Received: class_names={self.class_names}"
            )
        for name, split in self.splits().items():
            self._check(name, split)
        empty = np.flatnonzero(self.class_counts == 0)
        if empty.size:
            names = ", ".join(f"{c} ({self.class_names[c]})" for c in empty[:5])
            raise ValueError(
                "Each class must have at least one training image. Received none for "
                f"{empty.size} of {self.num_classes} classes: {names}. Leave them out "
                "of `class_names`, and number the rest anew"
            )

    def _check(self, name: str, split: Split) -> None:
        labels = _arrays.array("labels", split.labels, "(N,)")
        objects = getattr(split.labels, "dtype", None) == np.dtype("object")
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or objects:
            raise ValueError(
                f"Labels of `{name}` must be integers of shape (N,). "
                f"Received: shape {labels.shape}, dtype {labels.dtype}"
            )
        if len(split.images) != len(labels):
            raise ValueError(
                f"Split `{name}` must have one label for each image. "
                f"Received: {len(split.images)} images, {len(labels)} labels"
            )
        wrong = labels[(labels < 0) | (labels >= self.num_classes)]
        if wrong.size:
            raise ValueError(
                f"Labels of `{name}` must lie in 0..{self.num_classes - 1}. Received "
                f"{wrong.size} others of {labels.size}, such as {wrong[:5].tolist()}"
            )

    def splits(self) -> dict[str, Split]:
        """The splits that there are, by name."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def class_counts(self) -> Array:
        return np.bincount(self.train.labels, minlength=self.num_classes)

    def reordered(self, class_names: Sequence[str]) -> Self:
        """The same images under labels that count the classes in another order.

        So data of any order can be shown to a model that names its classes:
        `data.reordered(spa.ModelCard.read("model.keras").class_names)`. Names are the
        same if Unicode says so, however their accents are written.

        Args:
            class_names: The K names in the order wanted.

        Raises:
            ValueError: they are not the names of this data set, or some are the same.
        """
        if tuple(class_names) == self.class_names:
            return self
        wanted = [unicodedata.normalize("NFC", name) for name in class_names]
        own = [unicodedata.normalize("NFC", name) for name in self.class_names]
        strange = [name for name in own if name not in set(wanted)]
        missing = [name for name in wanted if name not in set(own)]
        counted = (
            *collections.Counter(wanted).items(),
            *collections.Counter(own).items(),
        )
        repeated = [name for name, times in counted if times > 1]
        if strange or missing or len(wanted) != len(own) or repeated:
            raise ValueError(
                f"{self.name} has {len(own)} classes, which must be, by name, the "
                f"{len(wanted)} wanted. "
                + "; ".join(
                    f"{len(names)} {what}, such as {', '.join(map(repr, names[:3]))}"
                    for what, names in (
                        ("are not among those", strange),
                        ("are missing", missing),
                        ("are there more than once", sorted(set(repeated))),
                    )
                    if names
                )
            )
        place = np.array([wanted.index(name) for name in own], "int32")
        splits: dict[str, Any] = {
            name: Split(split.images, place[split.labels])
            for name, split in self.splits().items()
        }
        names = tuple(class_names)
        return dataclasses.replace(self, **splits, class_names=names)

    def __repr__(self) -> str:
        counts = self.class_counts
        others = "".join(
            f", {len(split.labels)} for {name}"
            for name, split in self.splits().items()
            if name != "train"
        )
        return (
            f"<LongTailedData {self.name!r}: {counts.sum()} training images of "
            f"{len(counts)} classes, imbalance factor "
            f"{counts.max() / counts.min():.4g}{others}>"
        )
