"""Looking at what a trained classifier makes of data: features, logits, labels."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.models._surgery.linear_map import kernel_shape
from keras_spa.models.spa_model import SpAModel
from keras_spa.trained._batches import array_batches, integer_labels, shown


class Observer:
    """A trained model from images to features and logits, compiled once.

    `observe`, `diagnose` and `CollapseMonitor` look through it. Whoever looks at one
    model several times hands them the same one: then nothing is compiled again.

    Args:
        model: A `SpAModel`, or any Keras model that `SpAModel.from_model` can split.
        head: The classifier within `model`, as in `SpAModel.from_model`. Defaults to
            None, the last layer; subclassed models need it.

    Attributes:
        model: The `SpAModel`, with `model`'s own layers.
        images: The batch it was called on last.

    Raises:
        ValueError: a model that is not built or cannot be split, or a `head` for a
            `SpAModel`, which knows its classifier.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> observer = spa.trained.Observer(model)
    >>> features, logits = observer(np.ones((2, 4)))
    >>> features.shape, logits.shape
    ((2, 4), (2, 3))

    Reference: ours.
    """

    def __init__(
        self, model: keras.Model, head: keras.Layer | str | None = None
    ) -> None:
        self.images: Any = None
        if not (head is None or isinstance(head, (str, keras.Layer))):
            raise ValueError(
                "Argument `head` must be a layer of the model, its name or None. "
                f"Received: head={head!r}"
            )
        if not isinstance(model, SpAModel):
            self.model = SpAModel.from_model(model, head=head)
        elif head is not None:
            raise ValueError(
                "Argument `head` must be None for a SpAModel, which knows its "
                f"classifier. Received: head={head!r}"
            )
        elif not model.classifier.built:
            raise ValueError(
                "Argument `model` must be built: call it once on data. "
                f"Received: an unbuilt {_checks.named(model)}"
            )
        else:
            self.model = model
        self._run = _FeaturesAndLogits(self.model)
        self._run.run_eagerly = model.run_eagerly

    @property
    def num_classes(self) -> int:
        """K."""
        return kernel_shape(self.model.classifier)[1]

    def __call__(self, images: Any) -> tuple[Array, Array]:
        """Features (B, d) and logits (B, K) of a batch, as NumPy arrays."""
        self.check_images(images)
        self.images = images
        return self._run.predict_on_batch(images)

    def check_images(self, images: Any) -> None:
        """Raises if they have other features or channels than the model takes.

        Of another height or width a network may make something, as Keras lets it.
        """
        expected = getattr(self.model.backbone, "input_shape", None)
        shape = getattr(images, "shape", None)
        if not (isinstance(expected, tuple) and isinstance(shape, tuple)):
            return  # of several inputs, or not known
        wanted, given = expected[1:], shape[1:]
        if len(wanted) == len(given) > 0 and wanted[-1] not in (None, given[-1]):
            raise ValueError(
                f"Argument `dataset` must hold images of shape {wanted}, as the model "
                f"takes them. Received: {given}"
            )


class _FeaturesAndLogits(keras.Model):
    """The model with both outputs, in a function that Keras compiles."""

    def __init__(self, model: SpAModel) -> None:
        super().__init__(name="observer", autocast=False)
        self.model = model

    def call(self, inputs: Any) -> Any:
        return self.model(inputs, training=False, return_features=True)


def observe(
    model: keras.Model | Observer,
    dataset: Any,
    batch_size: int = 256,
    verbose: str | int = "auto",
) -> Iterator[tuple[Array, Array, Array]]:
    """Features, logits and labels of a data set, batch by batch.

    One pass in inference mode, under a progress bar, that keeps nothing.

    Args:
        model: An `Observer`, or a model as it takes.
        dataset: Arrays or batches, as in `diagnose`.
        batch_size: Images at a time, for arrays. Defaults to 256.
        verbose: `"auto"` or 1 for a progress bar, 0 for none.

    Yields:
        `(features, logits, labels)`: NumPy arrays (B, d), (B, K) in float32 and (B,) of
        integers.

    Raises:
        ValueError: as `Observer`; labels that do not fit the model's classes, no
            images, an endless data set.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> x, y = np.random.rand(10, 4), np.arange(10) % 3
    >>> batches = spa.trained.observe(model, (x, y), batch_size=8, verbose=0)
    >>> for features, logits, labels in batches:
    ...     print(features.shape, logits.shape, labels.shape)
    (8, 4) (8, 3) (8,)
    (2, 4) (2, 3) (2,)

    Reference: ours.
    """
    observer = model if isinstance(model, Observer) else Observer(model)
    batches, steps = array_batches(
        dataset, _checks.integer("batch_size", batch_size, 1)
    )
    verbose = _checks.choice("verbose", verbose, ("auto", 0, 1))
    seen = False
    for images, labels in shown(batches, steps, verbose):
        if not len(labels):
            continue
        features, logits = observer(images)
        labels = integer_labels(labels, logits.shape[-1])
        yield features, logits.astype("float32"), labels
        seen = True
    if not seen:
        raise ValueError("Argument `dataset` must hold images. Received: no batch")
