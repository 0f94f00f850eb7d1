import random
import sys
import types
from typing import Any

import keras
import numpy as np

from keras_spa import _arrays, _checks
from keras_spa._keras_private import DynamicBackend
from keras_spa._types import Backend, Config, Shape, Tensor


def size_pair(name: str, size: Any) -> tuple[int, int]:
    """`size`, an integer or a pair of integers, as (height, width)."""
    if isinstance(size, (tuple, list)) and len(size) == 2:
        height, width = (_checks.integer(name, length, 1) for length in size)
        return height, width
    return (_checks.integer(name, size, 1),) * 2


def interval(name: str, pair: Any, high: float = float("inf")) -> tuple[float, float]:
    """`pair` as a tuple of two floats, 0 < low <= top <= high."""
    if isinstance(pair, (tuple, list)) and len(pair) == 2:
        low, top = (_checks.number(name, value) for value in pair)
        if 0 < low <= top <= high:
            return low, top
    raise ValueError(
        f"Argument `{name}` must be a pair of numbers, 0 < low <= high <= {high}. "
        f"Received: {name}={pair!r}"
    )


def is_in_tensorflow_graph(tensor: Any) -> bool:
    """Whether `tensor` is a symbolic TensorFlow tensor, as in `tf.data`."""
    tf = sys.modules.get("tensorflow")
    return tf is not None and tf.is_tensor(tensor) and not tf.executing_eagerly()


def functions(images: Tensor) -> Backend:
    """The backend to compute `images` with: TensorFlow's in a TensorFlow graph."""
    return DynamicBackend("tensorflow" if is_in_tensorflow_graph(images) else None)


def seed_tensor(xp: Backend, seed: Any) -> Tensor:
    """`seed`, a pair or a tensor of two integers, as an int32 tensor (2,)."""
    if isinstance(seed, (tuple, list, int)):
        seed = np.asarray(seed)
    dtype = keras.backend.standardize_dtype(seed.dtype)
    if tuple(seed.shape) != (2,) or "int" not in dtype:
        raise ValueError(
            "Argument `seed` must be two integers. "
            f"Received: shape {tuple(seed.shape)}, dtype {dtype}"
        )
    if isinstance(seed, np.ndarray):
        seed = seed.astype("int32")
    return xp.cast(xp.convert_to_tensor(seed), "int32")


class ImageLayer(keras.Layer):
    """A layer from images to images, in a model or in `tf.data`, on any backend.

    Args:
        channels: Channels an image must have, or None: any.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.
    """

    def __init__(self, channels: int | None = None, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self._channels = channels

    def __call__(self, images: Tensor, *args: Any, **kwargs: Any) -> Any:
        if keras.backend.backend() != "tensorflow" and is_in_tensorflow_graph(images):
            return self.call(images, *args, **kwargs)  # Keras would convert the images
        return super().__call__(images, *args, **kwargs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def compute_output_spec(
        self, images: Tensor, training: bool = True
    ) -> keras.KerasTensor:
        self._check(images)
        dtype = "uint8" if images.dtype == "uint8" else "float32"
        return keras.KerasTensor(self.compute_output_shape(images.shape), dtype)

    def _as_images(self, xp: Backend, images: Tensor) -> Tensor:
        """`images` as a tensor, uint8 or float32, if they are a batch of images."""
        if not is_in_tensorflow_graph(images):
            images = _arrays.tensor("images", images, "(B, H, W, C)")
        images = xp.convert_to_tensor(images)
        self._check(images)
        whole = keras.backend.standardize_dtype(images.dtype) == "uint8"
        return images if whole else xp.cast(images, "float32")

    def _check(self, images: Tensor) -> None:
        shape = tuple(images.shape)
        dtype = keras.backend.standardize_dtype(images.dtype)
        if len(shape) != 4 or None in shape[1:] or 0 in shape:
            raise ValueError(
                "Argument `images` must be a batch of images of one known size, "
                "(B, H, W, C); in `tf.data`, batch before this layer. "
                f"Received: images.shape={shape}"
            )
        if self._channels not in (None, shape[-1]):
            raise ValueError(
                f"Argument `images` must have {self._channels} channels. "
                f"Received: images.shape={shape}"
            )
        if dtype != "uint8" and "float" not in dtype:
            raise ValueError(
                "Argument `images` must be uint8 or float, with values in 0..255. "
                f"Received: images.dtype={dtype}"
            )


class AugmentationLayer(ImageLayer):
    """Base of the random layers. Subclasses write `_augment` and perhaps `_infer`.

    Args:
        seed: Integer in 0..2^31−1 that all draws follow from, or None (default): drawn
            when the layer is made.
        **kwargs: As in `ImageLayer`.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and _checks.seed("seed", seed) >= 2**31:
            raise ValueError(
                f"Argument `seed` must be below 2**31. Received: seed={seed!r}"
            )
        self.seed = None if seed is None else int(seed)
        self._start = random.randrange(2**31) if seed is None else self.seed
        self.generator = keras.random.SeedGenerator(self._start)
        # For `tf.data` while Keras runs on another backend; no state of the model.
        self._in_graph = types.SimpleNamespace(generator=None)

    def augment(self, images: Tensor, seed: Any) -> Tensor:
        """The augmented images: a pure function, the same draws on every backend.

        Computes with TensorFlow inside a TensorFlow graph such as `Dataset.map`, else
        with Keras' backend.

        Args:
            images: (B, H, W, C), values in 0..255, uint8 or float.
            seed: two integers, a pair or an integer tensor (2,).

        Returns:
            uint8 for uint8 images, else float32.

        Raises:
            ValueError: images that are no such batch, or another seed.
        """
        xp = functions(images)
        images = self._as_images(xp, images)
        return self._augment(xp, images, seed_tensor(xp, seed))

    def call(self, images: Tensor, training: bool = True) -> Tensor:
        xp = functions(images)
        if training:
            return self.augment(images, self._next_seed(xp))
        return self._infer(xp, self._as_images(xp, images))

    def save_own_variables(self, store: Any) -> None:
        store["seed_state"] = keras.ops.convert_to_numpy(self.generator.state)

    def load_own_variables(self, store: Any) -> None:
        self.generator.state.assign(store["seed_state"][...])

    def get_config(self) -> Config:
        return {**super().get_config(), "seed": self.seed}

    def _augment(self, xp: Backend, images: Tensor, seed: Tensor) -> Tensor:
        """The augmented images, in the dtype of `images`, uint8 or float32."""
        raise NotImplementedError

    def _infer(self, xp: Backend, images: Tensor) -> Tensor:
        return images

    def _next_seed(self, xp: Backend) -> Tensor:
        if xp.name == keras.backend.backend():
            return self.generator.next()
        if self._in_graph.generator is None:
            made = keras.random.SeedGenerator(self._start, backend=xp)
            self._in_graph.generator = made
        return self._in_graph.generator.next()
