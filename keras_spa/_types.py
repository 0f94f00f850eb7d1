"""Names for what a type checker cannot see into: arrays of whatever library."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # of Keras' backend, a variable, or what Keras makes one of
Array: TypeAlias = Any  # of NumPy, or what NumPy makes one of
Shape: TypeAlias = tuple[Any, ...]  # integers, and None where a size is not known
