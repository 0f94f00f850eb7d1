"""The unit that residual networks are built of."""

import keras

from keras_spa._types import Tensor
from keras_spa.layers import BatchNormalization, Conv2D


def conv_bn(
    x: Tensor, channels: int, size: int, stride: int = 1, groups: int = 1
) -> Tensor:
    """A convolution without bias, and batch normalisation.

    Both sides are padded alike. With stride 1 the convolution does so by itself, and
    spares a copy of the images; with stride 2 it would pad them unevenly.
    """
    if size > 1 and stride > 1:
        x = keras.layers.ZeroPadding2D(size // 2)(x)
    x = Conv2D(
        channels,
        size,
        strides=stride,
        padding="valid" if stride > 1 else "same",
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    return BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
