from typing import Any

import keras
from keras import layers, ops

from keras_spa import _checks
from keras_spa._types import Tensor
from keras_spa.models._conv_bn import conv_bn
from keras_spa.models._shapes import image_shape


def resnet_cifar(
    depth: int = 32,
    width: Any = 16,
    shortcut: str = "pad",
    input_shape: tuple[int, int, int] = (32, 32, 3),
) -> keras.Model:
    """The residual network of the CIFAR long-tail benchmarks, without a classifier.

    A 3×3 convolution, then three stages of `(depth − 2)/6` basic blocks with `width`,
    `2·width` and `4·width` channels, the later stages at half the resolution each,
    then global average pooling: images -> features (B, 4·width).

    Two widths go by the name ResNet-32 in the literature: 16 (d = 64, 0.46 M
    parameters; LDAM-DRW and most others) and 64 (d = 256, 7.4 M; GLMC and SpA). Their
    accuracies do not compare.

    Args:
        depth: 8, 14, 20, 32, 44 or 56; the two smallest are ours, for CPUs.
        width: 16, 32 or 64, channels of the first stage.
        shortcut: `"pad"` (default), parameter-free: every second pixel, and zero
            channels on both sides; or `"conv"`, a 1×1 convolution.
        input_shape: Height, width, channels. Height and width are multiples of 4.

    Returns:
        A Functional `keras.Model` named e.g. `"resnet32_width16"`.

    Raises:
        ValueError: an argument not among those listed.

    Example:

    >>> import keras_spa as spa
    >>> backbone = spa.models.resnet_cifar(depth=20)
    >>> backbone.output_shape, backbone.count_params()
    ((None, 64), 270448)

    Reference: He et al. (CVPR 2016), "Deep Residual Learning for Image Recognition",
    section 4.2; option A shortcuts and initial values as in Cao et al. (NeurIPS 2019).
    """
    _checks.choice("depth", depth, (8, 14, 20, 32, 44, 56))
    _checks.choice("width", width, (16, 32, 64))
    _checks.choice("shortcut", shortcut, ("pad", "conv"))
    inputs = keras.Input(image_shape(input_shape))
    x = layers.ReLU()(conv_bn(inputs, width, size=3))
    for stage in range(3):
        for block in range((depth - 2) // 6):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _basic_block(x, width * 2**stage, stride, shortcut)
    features = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, features, name=f"resnet{depth}_width{width}")


def _basic_block(x: Tensor, channels: int, stride: int, shortcut: str) -> Tensor:
    y = layers.ReLU()(conv_bn(x, channels, size=3, stride=stride))
    y = conv_bn(y, channels, size=3)
    if stride > 1 and shortcut == "conv":
        x = conv_bn(x, channels, size=1, stride=stride)
    elif stride > 1:
        before = (channels - x.shape[-1]) // 2
        after = channels - x.shape[-1] - before
        x = ops.pad(x[:, ::2, ::2], [(0, 0), (0, 0), (0, 0), (before, after)])
    return layers.ReLU()(layers.Add()([x, y]))
