"""The unit that residual networks are built of."""

from keras import layers

from keras_spa._types import Tensor


def conv_bn(
    x: Tensor, channels: int, size: int, stride: int = 1, groups: int = 1
) -> Tensor:
    """A convolution without bias, and batch normalisation."""
    if size > 1:  # pad both sides alike, also where "same" would not (stride 2)
        x = layers.ZeroPadding2D(size // 2)(x)
    x = layers.Conv2D(
        channels,
        size,
        strides=stride,
        groups=groups,
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)
