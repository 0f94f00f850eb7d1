"""Random numbers that are a pure function of (seed, stream, position).

The same on every backend, eager or compiled, which neither `keras.random` nor any
backend's own generator is: a 32-bit hash of a counter in wrapping int32 arithmetic
(JAX has no int64 by default, PyTorch little uint32). Made for augmentation, not for
cryptography or simulation.

`xp` is Keras' backend module, or the `DynamicBackend` that stands for one.
"""

import math
from typing import Any

from keras_spa._types import Backend, Shape, Tensor

GOLDEN = 0x9E3779B9  # 2^32 / golden ratio: an odd number of no pattern


def signed(value: int) -> int:
    """The int32 that has the bits of `value` modulo 2^32."""
    return (value + 2**31) % 2**32 - 2**31


def _xor_shift(xp: Backend, x: Tensor, places: Any) -> Tensor:
    kept = 2 ** (32 - places) - 1  # int32 shifts copy the sign: cut the copies off
    shifted = xp.numpy.bitwise_and(xp.numpy.right_shift(x, places), kept)
    return xp.numpy.bitwise_xor(x, shifted)


def mix(xp: Backend, x: Tensor) -> Tensor:
    """A bijection of int32 that flips each bit with probability near one half.

    Multipliers and shifts: Ellis, "lowbias32" (2018), found by search.
    """
    x = _xor_shift(xp, x, 16) * signed(0x7FEB352D)
    x = _xor_shift(xp, x, 15) * signed(0x846CA68B)
    return _xor_shift(xp, x, 16)


def bits(xp: Backend, seed: Tensor, shape: Shape, stream: int) -> Tensor:
    """int32 tensor of `shape`, all 32 bits random.

    Args:
        seed: int32 tensor (2,), or (B, 2): image i draws what it draws with seed i in
            a batch of its own.
        shape: its first entry, B images, may be a scalar tensor.
        stream: Python int, one for each quantity that is drawn.
    """
    key = mix(xp, seed[..., 0] + signed(GOLDEN))
    key = mix(xp, xp.numpy.bitwise_xor(key, seed[..., 1]))
    key = mix(xp, key + signed((stream + 1) * GOLDEN))
    size = math.prod(shape[1:])
    if len(seed.shape) == 1:
        size = size * shape[0]
    counter = xp.numpy.arange(size, dtype="int32")
    return xp.numpy.reshape(mix(xp, counter + key[..., None]), shape)


def uniform(xp: Backend, seed: Tensor, shape: Shape, stream: int) -> Tensor:
    """float32 tensor of `shape`, in [0, 1), multiples of 2^-24."""
    top = xp.numpy.right_shift(bits(xp, seed, shape, stream), 8)
    return xp.cast(xp.numpy.bitwise_and(top, 2**24 - 1), "float32") * 2.0**-24


def integers(xp: Backend, seed: Tensor, shape: Shape, stream: int, high: Any) -> Tensor:
    """int32 tensor of `shape`, in 0..high−1; `high`: an int, or int32 of `shape`."""
    if not isinstance(high, int):
        high = xp.cast(high, "float32")
    return xp.cast(xp.numpy.floor(uniform(xp, seed, shape, stream) * high), "int32")
