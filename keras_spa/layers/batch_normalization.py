import sys
from typing import Any

import keras
from keras import ops

from keras_spa._types import Tensor
from keras_spa.layers._checked import CheckedInputs


@keras.saving.register_keras_serializable(package="keras_spa")
class BatchNormalization(CheckedInputs, keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` by one operation of the backend in training.

    `(x − μ)/√(σ² + ε)·γ + β`, with the mean μ and the variance σ² of each channel over
    the batch, as in Keras to float rounding. Keras takes several passes over the images
    for it, forward and backward. TensorFlow and PyTorch have an operation of their own,
    which this layer trains with on images (B, H, W, C); JAX fuses the passes by itself.

    Configuration, names of weights in files and inference are those of Keras' layer. It
    computes as Keras does, too, where the operation does not fit: with a mask,
    `synchronized`, `renorm`, another axis than the last, without `scale` or `center`,
    or with weights that are not float32.

    Args:
        axis: Axis of the channels. Defaults to -1.
        momentum: Of the running mean and variance. Defaults to 0.99.
        epsilon: ε. Defaults to 0.001.
        **kwargs: As in Keras' layer.

    Call arguments:
        inputs: float tensor (B, ..., C).
        training: Whether to normalise with the batch's mean and variance, and to update
            the running ones with them.
        mask: As in Keras.

    Returns:
        A tensor of the shape of `inputs`, in the compute dtype.

    Raises:
        ValueError: as in Keras; inputs that are no numbers.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> layer = spa.layers.BatchNormalization(epsilon=0)
    >>> images = np.array([1.0, 3.0, 1.0, 3.0]).reshape(2, 2, 1, 1)
    >>> print(ops.convert_to_numpy(layer(images, training=True)).ravel())
    [-1.  1. -1.  1.]

    Reference: Ioffe and Szegedy (ICML 2015), "Batch Normalization".
    """

    _arguments = ("inputs",)

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(axis, momentum, epsilon, **kwargs)

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Any = None
    ) -> Tensor:
        normalized = NORMALIZED.get(keras.backend.backend())
        learns = training and self.trainable and mask is None
        if normalized is None or not learns or not self._is_plain(inputs):
            return super().call(inputs, training, mask)
        outputs, mean, variance = normalized(
            ops.cast(inputs, self.compute_dtype),
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            self.epsilon,
        )
        old, new = self.momentum, 1.0 - self.momentum
        self.moving_mean.assign(self.moving_mean * old + mean * new)
        self.moving_variance.assign(self.moving_variance * old + variance * new)
        return outputs

    def _is_plain(self, inputs: Tensor) -> bool:
        """Whether the backends' operations compute what is asked for."""
        renorm = getattr(self, "renorm", False)  # older releases of Keras have none
        return (
            len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.scale
            and self.center
            and not (self.synchronized or renorm)
            and self.variable_dtype == "float32"
            and self.compute_dtype != "float64"
        )


Normalized = tuple[Tensor, Tensor, Tensor]  # outputs, mean, variance


def _by_tensorflow(
    x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float
) -> Normalized:
    tf = sys.modules["tensorflow"]
    none = tf.zeros((0,))
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=none, variance=none, epsilon=epsilon
    )
    count = tf.cast(tf.size(x) // x.shape[-1], "float32")
    return outputs, mean, variance * ((count - 1) / count)  # it divides by count − 1


def _by_torch(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: float) -> Normalized:
    torch = sys.modules["torch"]
    mean, variance = torch.zeros_like(gamma), torch.zeros_like(gamma)
    outputs = torch.batch_norm(  # which sets mean and variance, if momentum is 1
        x.permute(0, 3, 1, 2), gamma, beta, mean, variance, True, 1.0, epsilon, True
    )
    count = x.numel() // x.shape[-1]
    if count > 1:
        variance = variance * ((count - 1) / count)  # it divides by count − 1
    else:
        variance = torch.zeros_like(variance)
    return outputs.permute(0, 2, 3, 1), mean, variance


NORMALIZED = {"tensorflow": _by_tensorflow, "torch": _by_torch}
