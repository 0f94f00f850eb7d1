"""Names for what annotations cannot say more exactly.

Keras computes on three backends whose tensors share no type, and its own functions are
not annotated: shapes and dtypes stand in the docstrings.
"""

import os
from typing import Any, TypeAlias

Array: TypeAlias = Any  # a NumPy array, or what `numpy.asarray` takes
Tensor: TypeAlias = Any  # a tensor of Keras' backend, or what becomes one
Labels: TypeAlias = Any  # integers (B,) or (B, 1), or soft labels (B, K)
ClassCounts: TypeAlias = Any  # training images of each class: K numbers
Dataset: TypeAlias = Any  # `(x, y)` arrays, or batches, as `fit` takes them
Backend: TypeAlias = Any  # a backend module of Keras, or the `DynamicBackend` for one
Shape: TypeAlias = tuple[Any, ...]
Config: TypeAlias = dict[str, Any]  # of `get_config`
Path: TypeAlias = str | os.PathLike[str]
