"""What a classifier really computes of its features, as weights and biases.

Its attributes `kernel` and `bias` may say something else: a scale, a bias of another
name, a wrapper, the codes of a quantized kernel.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_spa._types import Array, Tensor
from keras_spa.models._surgery.logits import head_of

ROUNDING = {"bfloat16": 2.0**-7}
TENSOR_CORES = 2.0**-10  # float16, and float32 products on some GPUs
SUBNORMAL = 2.0**-24  # the spacing of float16 near 0
# Modes that round features as well, by the largest of them or by each.
CODES = {"int8": 2.0**-7, "int4": 2.0**-7}
MODES = {"float8": 2.0**-6}
BATCH = 16


class LinearMap(NamedTuple):
    """`h @ weights.T + biases` of features h, or `scale·cos(w_c, h)`."""

    weights: Array  # (K, d)
    biases: Array | None  # (K,)
    kind: str  # "stored": its kernel and bias; "read" off its outputs; or "cosine"
    scale: float = 1.0

    @property
    def bare(self) -> bool:
        """Whether it gives cosines that nothing multiplies, but for 16-bit rounding."""
        return self.kind == "cosine" and abs(self.scale - 1) < 0.01

    def factors(self, features: Array) -> tuple[Array, Array, Array]:
        """Rows (B, d), which a cosine makes unit, weights and biases: its products."""
        h, weights = (np.asarray(a, "float64") for a in (features, self.weights))
        if self.kind == "cosine":
            h, weights = unit(h), self.scale * unit(weights)
        biases = np.zeros(len(weights)) if self.biases is None else self.biases
        return h, weights, biases

    def differences(self, features: Array, logits: Array) -> Array:
        """|its logits − `logits`|, (B, K)."""
        h, weights, biases = self.factors(features)
        return np.abs(h @ weights.T + biases - logits)

    def apart(self, layer: keras.Layer, features: Array, logits: Array) -> float:
        """By how much logits differ from it, if that is more than rounding; else 0."""
        h, weights, biases = map(np.abs, self.factors(features))
        sizes = weights.sum(axis=1)
        mode = quantization(layer)
        dtype = head_of(layer).compute_dtype
        rounding = MODES.get(mode, ROUNDING.get(dtype, TENSOR_CORES))
        allowed = 8 * rounding * (h @ weights.T + biases) + SUBNORMAL * (1 + sizes)
        if mode in CODES:
            allowed += CODES[mode] * h.max(axis=1, keepdims=True) * sizes
        known = np.isfinite(logits)  # what overflows is told elsewhere
        apart = np.where(known, self.differences(features, logits), 0)
        return float(apart.max()) if (apart > allowed).any() else 0.0


def linear_map(layer: keras.Layer) -> LinearMap | None:
    """What a built classifier computes; None if that is no such map."""
    head, (features, logits) = head_of(layer), probe(layer)
    if is_whole(layer):
        weights = as_array(head.kernel).T
        bias = getattr(head, "bias", None)
        biases = None if bias is None else as_array(bias)
        stored = LinearMap(weights, biases, "stored")
        cosines = unit(features) @ unit(weights.astype("float64")).T
        scale = float(np.vdot(cosines, logits) / max(np.vdot(cosines, cosines), 1e-30))
        cosine = LinearMap(unit(weights.astype("float64")), None, "cosine", scale)
        # In half precision, with many features, rounding allows for either.
        nearest = min(
            [stored, cosine] if scale > 0 else [stored],
            key=lambda one: one.differences(features, logits).max(),
        )
        if not nearest.apart(layer, features, logits):
            return nearest
    kernel, bias = (as_array(part) for part in effective(layer))
    read = LinearMap(kernel.T, bias if bias.any() else None, "read")
    return None if read.apart(layer, features, logits) else read


def follows_kernel(layer: keras.Layer, read: LinearMap | None) -> bool:
    """Whether it computes `s_c (w_c·h + b_c)`, s_c > 0, of its kernel and bias.

    Or a cosine: then its weights may be turned as if they were used as they are.
    """
    if read is None or read.kind != "read":
        return read is not None
    head = head_of(layer)
    weights, bias = as_array(head.kernel).T, getattr(head, "bias", None)
    own = np.column_stack([weights, np.zeros(len(weights)) if bias is None else bias])
    there = np.zeros(len(weights)) if read.biases is None else read.biases
    found = np.column_stack([read.weights, there])
    scales = np.sum(own * found, axis=1) / np.maximum(np.sum(own**2, axis=1), 1e-30)
    close = np.abs(found - scales[:, None] * own).max() <= 0.02 * np.abs(found).max()
    return bool(close and (scales > 0).all())


def effective(layer: keras.Layer) -> tuple[Tensor, Tensor]:
    """Kernel (d, K) and bias (K,) of an affine map, read off what it gives."""
    dimension, _ = kernel_shape(layer)
    dtype = head_of(layer).compute_dtype
    at_zero = ops.cast(layer(ops.zeros((1, dimension), dtype)), "float32")
    at_units = ops.cast(layer(ops.eye(dimension, dtype=dtype)), "float32")
    return at_units - at_zero, at_zero[0]


def quantization(layer: keras.Layer) -> Any:
    """The mode in which a classifier is quantized, or None."""
    return getattr(head_of(layer), "quantization_mode", None)


def is_whole(layer: keras.Layer) -> bool:
    """Whether its kernel is a variable of floats: no codes, no LoRA."""
    kernel = head_of(layer).kernel
    return isinstance(kernel, keras.Variable) and "float" in kernel.dtype


def kernel_shape(layer: keras.Layer) -> tuple[int, ...]:
    """(d, K), also of a kernel that is kept in another shape."""
    head = head_of(layer)
    if isinstance(head, keras.layers.Dense) and quantization(head):
        return head.input_spec.axes[-1], head.units
    return tuple(getattr(getattr(head, "kernel", None), "shape", ()))


def unit(vectors: Array) -> Array:
    """Rows of length 1; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def as_array(tensor: Tensor) -> Array:
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def probe(layer: keras.Layer) -> tuple[Array, Array]:
    """A few random features (16, d), and what a built classifier makes of them."""
    dimension, _ = kernel_shape(layer)
    features = np.random.RandomState(0).standard_normal((BATCH, dimension))
    return features, as_array(layer(ops.cast(features, head_of(layer).compute_dtype)))
