"""Training batches of several views and of partners, `{"images": ..., ...}`."""

from typing import Any

import keras

from keras_spa._types import Tensor


def plain_images(inputs: Any) -> Any:
    """What inference is asked about: of a training batch the first view."""
    images = inputs["images"] if _is_batch(inputs) else inputs
    return images[0] if isinstance(images, (tuple, list)) else images


def image_shape(shape: Any) -> Any:
    """The shape of `plain_images`."""
    shape = shape["images"] if _is_batch(shape) else shape
    return shape[0] if isinstance(shape[0], (tuple, list)) else shape


def views_of(images: Any, augment: keras.Layer | None, number: int) -> list[Tensor]:
    """So many views of images: made by `augment`, or as they come."""
    views = images if augment is None else augment(images, training=True)
    if not isinstance(views, (tuple, list)) or len(views) != number:
        received = f"{len(views)}" if isinstance(views, (tuple, list)) else "one batch"
        raise ValueError(
            f"Argument `x` must hold {number} views of the images, or `augment` make "
            "them from one batch, such as `keras_spa.data.Views([layer, layer])`. "
            f"Received: {received}"
        )
    return list(views)


def takes_integers(backbone: keras.Layer) -> bool:
    """Whether a backbone would cut the decimals of its images off."""
    inputs = getattr(backbone, "inputs", None) or []
    return any("int" in image.dtype for image in inputs)


def partners_given(inputs: Any) -> None:
    """Raises unless a batch has partners, one of its shape for each image."""
    if not _is_batch(inputs) or not {"partner", "partner_labels"} <= {*inputs}:
        keys = f" with the keys {sorted(inputs)}" if isinstance(inputs, dict) else ""
        raise ValueError(
            "Argument `x` must hold partners in training, as `keras_spa.data.Batches` "
            "and `pipeline` give them with `partner='class_balanced'`: a dict of "
            "'images', 'partner' and 'partner_labels'. "
            f"Received: {type(inputs).__name__}{keys}"
        )
    images, partners = map(keras.tree.flatten, (inputs["images"], inputs["partner"]))
    labels = inputs["partner_labels"]
    pairs = [(i.shape, p.shape) for i, p in zip(images, partners, strict=False)]
    if not all(_alike(*pair) for pair in [*pairs, (pairs[0][0][:1], labels.shape[:1])]):
        images_shape, partner_shape = map(tuple, pairs[0])
        raise ValueError(
            "Argument `x` must hold a partner, of the same shape, and its label for "
            f"each image. Received: images.shape={images_shape}, partner.shape="
            f"{partner_shape}, partner_labels.shape={tuple(labels.shape)}"
        )


def _alike(shape: Any, other: Any) -> bool:
    """Whether two shapes are the same, as far as they are known."""
    sizes = zip(shape, other, strict=False)
    return len(shape) == len(other) and all(None in (m, n) or m == n for m, n in sizes)


def _is_batch(inputs: Any) -> bool:
    return isinstance(inputs, dict) and "images" in inputs
