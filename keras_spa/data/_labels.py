"""Labels as users bring them."""

from typing import Any

from keras_spa import _arrays
from keras_spa._types import Array


def as_list(labels: Any, name: str = "labels") -> Array:
    """Labels as an array (N,); those of shape (N, 1) are as good."""
    labels = _arrays.array(name, labels)
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
