"""What users give for arrays: numbers, whatever holds them, or a clear ValueError."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _keras_private
from keras_spa._types import Array, Shape, Tensor

REAL = "biuf"
FLOATS = ("bfloat16", "float8")  # of JAX and TensorFlow: to NumPy of unknown kind


def array(name: str, value: Any, shape: str = "") -> Array:
    """`value` as a NumPy array of real numbers, in its own dtype.

    `shape` says in words what is meant, such as "(B, d)".

    Raises:
        ValueError: no numbers, complex ones, rows of unequal lengths, masked entries.
    """
    found = _as_numpy(value)
    if found is not None and found.dtype.name.startswith(FLOATS):
        found = found.astype("float32")
    if found is None or found.dtype.kind not in REAL:
        dtype = getattr(value, "dtype", None)
        received = type(value).__name__ if dtype is None else f"{name}.dtype={dtype}"
        raise ValueError(
            f"Argument `{name}` must be an array{' ' * bool(shape)}{shape} of real "
            f"numbers. Received: {received}"
        )
    if np.ma.is_masked(value):
        raise ValueError(
            f"Argument `{name}` must be an array without masked entries; leave out "
            "what they belong to. Received: a masked array"
        )
    return found


def _as_numpy(value: Any) -> Array | None:
    """None where NumPy makes no array of it, or rows of unequal lengths."""
    try:
        if ops.is_tensor(value) or isinstance(value, keras.Variable):
            return ops.convert_to_numpy(value)
        found = np.asarray(value)
        # Numbers among objects, as of a column of a table.
        return np.array(found.tolist()) if found.dtype == object else found
    except Exception:  # of whatever library the value is of
        return None


def tensor(name: str, value: Any, shape: str = "") -> Tensor:
    """A tensor of real numbers as it is; of anything else `array`, for a backend."""
    if is_tensor(value):
        dtype = keras.backend.standardize_dtype(value.dtype)
        if dtype == "string" or "complex" in dtype:
            raise ValueError(
                f"Argument `{name}` must be a tensor of real numbers. "
                f"Received: {name}.dtype={dtype}"
            )
        return value
    found = array(name, value, shape)
    # JAX would cut off digits of integers beyond 32 bits, and make labels of them.
    wide = beyond_32_bits(found) or found.dtype.itemsize > 8
    native = np.dtype("float64" if wide else found.dtype)
    if native.name == "uint64":  # which PyTorch does not have
        native = np.dtype("int64")
    return found.astype(native.newbyteorder("="), copy=False)


def beyond_32_bits(array: np.ndarray) -> bool:
    """Whether it holds integers that an int32 does not."""
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 4 or not array.size:
        return False
    return bool(array.max() >= 2**31 or array.min() < -(2**31))


def transposed(matrix: Tensor) -> Tensor:
    """`matrix` (K, d) as (d, K), written to memory in that order.

    PyTorch would go on with a view; XLA, as TensorFlow has it on CPUs, would transpose
    anew in every loop that reads it, striding through memory. (JAX's is slower so.)
    """
    columns = ops.transpose(matrix)
    backend = keras.backend.backend()
    if backend == "torch":
        return ops.reshape(ops.reshape(columns, (-1,)), columns.shape)
    if backend == "tensorflow" and _keras_private.is_compiled_by_xla():
        # XLA fuses no other operation with a scatter; this one changes nothing.
        height, width = columns.shape
        corners = ops.stack([columns[0, 0], columns[-1, -1]])
        indices = [[0, 0], [height - 1, width - 1]]
        columns = ops.scatter_update(columns, indices, corners)
    return columns


def is_table(value: Any) -> bool:
    """Whether it is of pandas or polars: rows of some are chosen by their index."""
    return hasattr(value, "to_numpy")


def is_tensor(value: Any) -> bool:
    """Whether a backend or Keras takes it for one as it is."""
    return ops.is_tensor(value) or isinstance(
        value, (keras.KerasTensor, keras.Variable)
    )


def of_one_length(first: str, one: Tensor, second: str, other: Tensor) -> None:
    """Raises unless two arrays have as many rows, where both are known."""
    lengths: list[Shape] = [tuple(x.shape)[:1] for x in (one, other)]
    if None not in (*lengths[0], *lengths[1]) and lengths[0] != lengths[1]:
        raise ValueError(
            f"Arguments `{first}` and `{second}` must have as many rows. Received: "
            f"{first}.shape={tuple(one.shape)}, {second}.shape={tuple(other.shape)}"
        )


def sample_weights(value: Any, y_pred: Tensor) -> Tensor:
    """A number for all, or weights (B,) or (B, 1), for outputs (B, ...)."""
    weights = tensor("sample_weight", value, "(B,)")
    if len(weights.shape):
        of_one_length("sample_weight", weights, "y_pred", y_pred)
        if not all(size in (1, None) for size in tuple(weights.shape)[1:]):
            raise ValueError(
                "Argument `sample_weight` must have shape (B,) or (B, 1). "
                f"Received: sample_weight.shape={tuple(weights.shape)}"
            )
    return weights
