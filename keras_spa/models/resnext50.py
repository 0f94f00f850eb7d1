import keras
from keras import layers

from keras_spa import _checks
from keras_spa._types import Tensor
from keras_spa.models._conv_bn import conv_bn
from keras_spa.models._shapes import image_shape

BLOCKS = (3, 4, 6, 3)  # of each stage


def resnext50(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    groups: int = 32,
    group_width: int = 4,
) -> keras.Model:
    """ResNeXt-50 32×4d, the network of GLMC and others on ImageNet-LT.

    A 7×7 convolution and a pooling, both of stride 2; four stages of 3, 4, 6, 3 blocks;
    global average pooling: images -> features (B, 2048). A block of stage s = 0..3 has
    a 1×1 convolution to `groups·group_width·2ˢ` channels, a 3×3 convolution of them in
    `groups` groups and a 1×1 convolution to 256·2ˢ channels; the first block of a stage
    projects its shortcut by a 1×1 convolution, and those of stages 1 to 3 halve the
    resolution in the 3×3 convolution.

    `keras.applications` and KerasHub have ResNets, but none with groups.

    Args:
        input_shape: Height, width, channels of normalised images.
        groups: Groups of the 3×3 convolutions, their cardinality. Defaults to 32.
        group_width: Channels of a group in the first stage. Defaults to 4.

    Returns:
        A Functional `keras.Model` named e.g. `"resnext50_32x4d"`, without a classifier
        and with random weights: 22,979,904 trainable numbers by default.

    Raises:
        ValueError: an argument out of range.

    Example:

    >>> import keras_spa as spa
    >>> backbone = spa.models.resnext50((64, 64, 3))
    >>> backbone.output_shape, backbone.name
    ((None, 2048), 'resnext50_32x4d')

    Reference: Xie et al. (CVPR 2017), "Aggregated Residual Transformations for Deep
    Neural Networks", table 1.
    """
    groups = _checks.integer("groups", groups, 1)
    group_width = _checks.integer("group_width", group_width, 1)
    inputs = keras.Input(image_shape(input_shape))
    x = layers.ReLU()(conv_bn(inputs, 64, size=7, stride=2))
    x = layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    for stage, blocks in enumerate(BLOCKS):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            inner = groups * group_width * 2**stage
            x = _block(x, inner, 256 * 2**stage, stride, groups)
    features = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, features, name=f"resnext50_{groups}x{group_width}d")


def _block(x: Tensor, inner: int, channels: int, stride: int, groups: int) -> Tensor:
    y = layers.ReLU()(conv_bn(x, inner, size=1))
    y = layers.ReLU()(conv_bn(y, inner, size=3, stride=stride, groups=groups))
    y = conv_bn(y, channels, size=1)
    if x.shape[-1] != channels:
        x = conv_bn(x, channels, size=1, stride=stride)
    return layers.ReLU()(layers.Add()([x, y]))
