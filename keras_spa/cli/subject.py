"""MODEL and DATA of the command line, which must fit each other."""

import sys
from typing import Any, NamedTuple

import keras

import keras_spa as spa
from keras_spa.cli import dataset, models
from keras_spa.cli.feed import PIXELS, Feed, feed

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
            their classes are matched by name if the model names its own.
    """
    data = dataset.load(arguments, arguments.held_out)
    model = models.load(arguments.model)
    card = spa.ModelCard.read(arguments.model)
    if card is not None:
        data = data.reordered(card.class_names)
    shape = models.input_shape(model)
    pixels = arguments.pixels or _pixels(card)
    fed = feed(data, arguments.batch_size, shape=shape, pixels=pixels, card=card)
    observer = spa.trained.Observer(model)
    if observer.num_classes != data.num_classes:
        raise ValueError(
            f"MODEL knows {observer.num_classes} classes, DATA have {data.num_classes}"
        )
    if card is None:
        first, *_, last = data.class_names
        print(
            f"keras-spa: {arguments.model} names no classes: they are taken in the "
            f"order of DATA, from {first} to {last}",
            file=sys.stderr,
        )
    return Subject(model, observer, fed)


def _pixels(card: spa.ModelCard | None) -> str:
    """What numbers a model takes a pixel for, by its card."""
    named = card.preprocessing.get("pixels", "0..255") if card else "0..255"
    if named not in PIXELS:
        print(
            f"keras-spa: MODEL takes pixels of {named}, by its card: those of DATA are "
            "taken as they are",
            file=sys.stderr,
        )
        return "0..255"
    return named
