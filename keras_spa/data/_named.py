"""Images and labels that come by name, as TensorFlow Datasets and others give them."""

from collections.abc import Mapping
from typing import Any

IMAGES = ("image", "images", "pixel_values", "x")
LABELS = ("label", "labels", "y")


def by_name(argument: str, batch: Mapping[str, Any]) -> tuple[Any, Any]:
    """`(images, labels)` of a dict with one of each; other entries are left out."""
    images = [name for name in IMAGES if name in batch]
    labels = [name for name in LABELS if name in batch]
    if len(images) != 1 or len(labels) != 1:
        expected = (" or ".join(map(repr, names)) for names in (IMAGES, LABELS))
        raise ValueError(
            f"Argument `{argument}` must be pairs (images, labels), or dictionaries "
            "with one entry {} and one {}. ".format(*expected)
            + f"Received: a dictionary with the keys {list(batch)}"
        )
    return batch[images[0]], batch[labels[0]]
