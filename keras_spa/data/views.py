from collections.abc import Sequence
from typing import Any

import keras

from keras_spa._types import Config, Shape, Tensor
from keras_spa.data.augment import draws
from keras_spa.data.augment.base import AugmentationLayer, functions, seed_tensor

View = list[AugmentationLayer]


@keras.saving.register_keras_serializable(package="keras_spa")
class Views(AugmentationLayer):
    """Several views of each image, each augmented in its own way.

    images (B, H, W, C) -> a tuple of n batches. Each view draws random numbers of its
    own, also where one layer makes several: `Views([crop_flip] * 2)`. The same layer
    works in a `pipeline` (`augment=views`), on the host, and inside a model, on the
    device, on every backend.

    Args:
        views: What makes each view: a list of n entries, each an augmentation layer of
            `keras_spa.data` or a list of them, applied in order. An empty list leaves
            the images as they are.
        seed: Integer in 0..2^31−1, or None (default): drawn. The layers' own seeds do
            not matter.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        images: (B, H, W, C), values in 0..255: uint8 gives uint8, float gives float32;
            or a tuple of n such batches, one for each view.
        training: Whether to augment. Defaults to True outside of a model.

    Raises:
        ValueError: arguments out of range; images that are no such batch.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> crop_flip, sim = spa.data.RandomCropFlip(), spa.data.SimAugment()
    >>> views = spa.data.Views([crop_flip, [crop_flip, spa.data.Cutout(8)], sim])
    >>> [tuple(view.shape) for view in views(np.zeros((2, 32, 32, 3), "uint8"))]
    [(2, 32, 32, 3), (2, 32, 32, 3), (2, 32, 32, 3)]

    Reference: ours.
    """

    def __init__(
        self,
        views: Sequence[AugmentationLayer | Sequence[AugmentationLayer]],
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.views = _as_lists(views)

    def build(self, input_shape: Any) -> None:
        for layers in self.views:
            for layer in layers:
                layer.built = True  # they have nothing to build
        self.built = True

    def __len__(self) -> int:
        return len(self.views)

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        self._each(images)
        return super().__call__(images, *args, **kwargs)

    def augment(self, images: Any, seed: Any) -> tuple[Tensor, ...]:
        """The views: a pure function, the same draws on every backend.

        Args:
            images: (B, H, W, C), values in 0..255, uint8 or float, or a tuple of n.
            seed: two integers, a pair or an integer tensor (2,).

        Returns:
            tuple of n batches, uint8 for uint8 images, else float32.

        Raises:
            ValueError: images that are no such batch, or another seed.
        """
        images = self._each(images)
        xp = functions(images[0])
        seed, place, made = seed_tensor(xp, seed), 0, []
        for x, layers in zip(images, self.views, strict=True):
            for layer in layers:
                x = layer.augment(x, _seed_of(xp, seed, place))
                place += 1
            made.append(x if layers else self._as_images(xp, x))
        return tuple(made)

    def call(self, images: Any, training: bool = True) -> tuple[Tensor, ...]:
        xp = functions(self._each(images)[0])
        if training:
            return self.augment(images, self._next_seed(xp))
        made = []
        for x, layers in zip(self._each(images), self.views, strict=True):
            x = self._as_images(xp, x)
            for layer in layers:
                x = layer._infer(xp, x)
            made.append(x)
        return tuple(made)

    def compute_output_spec(
        self, images: Any, training: bool = True
    ) -> tuple[keras.KerasTensor, ...]:
        made = []
        for x, layers in zip(self._each(images), self.views, strict=True):
            self._check(x)
            for layer in layers:
                x = layer.compute_output_spec(x)
            made.append(keras.KerasTensor(x.shape, x.dtype))
        return tuple(made)

    def compute_output_shape(self, input_shape: Any) -> tuple[Shape, ...]:
        of_each = isinstance(input_shape[0], (tuple, list))
        shapes = input_shape if of_each else [input_shape] * len(self)
        made = []
        for shape, layers in zip(shapes, self.views, strict=True):
            for layer in layers:
                shape = layer.compute_output_shape(shape)
            made.append(tuple(shape))
        return tuple(made)

    def get_config(self) -> Config:
        serialize = keras.saving.serialize_keras_object
        views = [[serialize(layer) for layer in layers] for layers in self.views]
        return {**super().get_config(), "views": views}

    @classmethod
    def from_config(cls, config: Config) -> "Views":
        make = keras.saving.deserialize_keras_object
        views = [[make(layer) for layer in layers] for layers in config["views"]]
        return cls(**{**config, "views": views})

    def _each(self, images: Any) -> Sequence[Any]:
        """The images that each view is made of."""
        if not isinstance(images, (tuple, list)):
            return [images] * len(self)
        if len(images) != len(self):
            raise ValueError(
                f"Argument `images` must be one batch, or {len(self)} of them, one for "
                f"each view. Received: {len(images)} batches"
            )
        return images


def _seed_of(xp: Any, seed: Tensor, place: int) -> Tensor:
    """An independent seed for each of several layers."""
    first = draws.mix(xp, seed[0] + draws.signed((place + 1) * draws.GOLDEN))
    return xp.numpy.stack([first, seed[1]])


def _twin(layer: AugmentationLayer) -> AugmentationLayer:
    """One that stands in one place only, so that copies of a model have as many."""
    return type(layer).from_config(layer.get_config())


def _as_lists(views: Any) -> list[View]:
    """One list of layers for each view."""
    if isinstance(views, (tuple, list)) and views:
        lists = [v if isinstance(v, (tuple, list)) else [v] for v in views]
        layers = [layer for layers in lists for layer in layers]
        ours = (AugmentationLayer,)
        if all(isinstance(x, ours) and not isinstance(x, Views) for x in layers):
            return [[_twin(layer) for layer in layers] for layers in lists]
    raise ValueError(
        "Argument `views` must be a list with, for each view, an augmentation layer of "
        f"`keras_spa.data` or a list of them. Received: views={views!r}"
    )
