"""MODEL and DATA of the command line, which must fit each other."""

import dataclasses
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

import keras_spa as spa
from keras_spa._types import Array
from keras_spa.cli import dataset, models, preprocessing
from keras_spa.cli.feed import Feed, feed
from keras_spa.data._labels import by_number, some

ORDER = ("test", "validation", "train")


class Subject(NamedTuple):
    """A trained model, an `Observer` of it, and the data in its shape."""

    model: keras.Model
    observer: spa.trained.Observer
    feed: Feed

    def split(self, name: str | None) -> tuple[str, spa.data.Split]:
        """A split and its name, by default the one that tells most of new images."""
        splits = self.feed.data.splits()
        name = name or next(name for name in ORDER if name in splits)
        if name not in splits:
            raise ValueError(
                f"--split={name}: DATA have none; they have {', '.join(splits)}"
            )
        return name, splits[name]


def load(arguments: Any) -> Subject:
    """What the arguments name.

    Raises:
        ValueError: a model that cannot be loaded or looked into, or does not fit DATA:
            their classes are matched by name if the model names its own. To be looked
            at it needs images of two of them, to be aligned of all.
    """
    data = dataset.load(arguments, arguments.held_out)
    model = models.load(arguments.model, arguments.command)
    card = spa.ModelCard.read(arguments.model)
    if card is not None:
        data = _as_named(card, _unnamed(card, data, arguments.kind), arguments)
        _compare(card, data)
    shape = models.input_shape(model)
    pixels = preprocessing.pixels(card, arguments.pixels)
    fed = feed(data, arguments.batch_size, shape=shape, pixels=pixels, card=card)
    observer = spa.trained.Observer(model)
    if observer.num_classes != data.num_classes:
        raise ValueError(
            f"MODEL knows {observer.num_classes} classes, DATA have {data.num_classes}"
        )
    if card is None:
        print(
            f"keras-spa: {arguments.model} names no classes: they are taken in the "
            f"order of DATA{_order(data.class_names)}",
            file=sys.stderr,
        )
    return Subject(model, observer, fed)


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class _Seen(spa.data.LongTailedData):
    """Data of a model's classes, some of which may have no images.

    Args:
        trained: Training images of each class by its name, as `_nfc` has it, which are
            not those of the data.
    """

    trained: dict[str, int]

    @property
    def class_counts(self) -> Array:
        return np.array([self.trained[_nfc(name)] for name in self.class_names])


def _nfc(name: str) -> str:
    """The same of one name, however its accents are written."""
    return unicodedata.normalize("NFC", name)


def _unnamed(
    card: spa.ModelCard, data: spa.data.LongTailedData, kind: str
) -> spa.data.LongTailedData:
    """The data, an archive without names with those of a model of as many classes."""
    numbers = [str(c) for c in range(data.num_classes)]
    if (
        kind != "npz"
        or [*data.class_names] != numbers
        or {*numbers} & {*card.class_names}
        or len(card.class_names) != data.num_classes
    ):
        return data
    print(
        "keras-spa: DATA have no `class_names`: their classes are taken in the order "
        f"of MODEL{_order(card.class_names)}",
        file=sys.stderr,
    )
    return dataclasses.replace(data, class_names=tuple(card.class_names))


def _compare(card: spa.ModelCard, data: spa.data.LongTailedData) -> None:
    """Tells where the card's counts cannot be of the training images of the data.

    Half of a class may have been held out.
    """
    if card.class_counts is None:
        return
    images = np.bincount(data.train.labels, minlength=data.num_classes)
    more = images - 2 * np.array(card.class_counts)
    c = int(np.argmax(more))
    if more[c] > 0:
        print(
            f"keras-spa: DATA have {images[c]:,} training images of class "
            f"{data.class_names[c]!r}, MODEL's card counts {card.class_counts[c]:,}: "
            "it was trained on others, or its `class_counts` are wrong; they are what "
            "counts here",
            file=sys.stderr,
        )


def _as_named(
    card: spa.ModelCard, data: spa.data.LongTailedData, arguments: Any
) -> spa.data.LongTailedData:
    """The data under a model's labels; except for `align` they may lack classes."""
    partly = arguments.command != "align"
    wanted = [_nfc(name) for name in card.class_names]
    own = map(_nfc, data.class_names)
    images = dict(zip(own, data.class_counts.tolist(), strict=True))
    absent = [name for name in wanted if name not in images]
    if not (partly and absent and {*images} <= {*wanted}):
        try:
            return data.reordered(card.class_names)
        except ValueError as error:
            named = "; an archive names its own by `class_names`"
            raise ValueError(
                f"{error}. Wanted are those of the card of {arguments.model}"
                f"{named if arguments.kind == 'npz' else ''}"
            ) from None
    print(
        f"keras-spa: DATA have no images of {len(absent)} of the {len(wanted)} classes "
        f"of MODEL, which are left out: {dataset.names(absent)}",
        file=sys.stderr,
    )
    splits = data.train, data.validation, data.test
    names = *data.class_names, *absent
    trained = dict.fromkeys(absent, 1) | images
    if card.class_counts is not None:
        trained = dict(zip(wanted, card.class_counts, strict=True))
    seen = _Seen(data.name, *splits, names, trained=trained)
    return seen.reordered(card.class_names)


def _order(names: Sequence[str]) -> str:
    """Of classes, in words: all the way through if that says it."""
    if by_number(names) in ([], [*names]):
        return f", from {names[0]} to {names[-1]}"
    return f": {some(names)}"
