"""Names for what the annotations cannot say more exactly.

Keras runs on three backends whose tensors share no type, and its own functions are not
annotated: shapes and dtypes stand in the docstrings.
"""

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

Array: TypeAlias = Any  # a NumPy array, or what `numpy.asarray` takes
Tensor: TypeAlias = Any  # a tensor of Keras' backend, or what becomes one
Dataset: TypeAlias = Any  # arrays, or batches as `fit` takes them
ClassCounts: TypeAlias = Sequence[float] | Any  # training images of each class, (K,)
Config: TypeAlias = dict[str, Any]  # of `get_config`
Path: TypeAlias = str | os.PathLike[str]
Shape: TypeAlias = tuple[Any, ...]  # integers, and None where a size is not known
