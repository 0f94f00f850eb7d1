import sys
from typing import Any

import keras
from keras import ops

from keras_spa._types import Tensor
from keras_spa.layers._checked import CheckedInputs


@keras.saving.register_keras_serializable(package="keras_spa")
class Conv2D(CheckedInputs, keras.layers.Conv2D):
    """`keras.layers.Conv2D` that leaves images as they lie, also on PyTorch.

    `y[b, i, j, o] = Σ x[b, s·i + k, s·j + l, c]·K[k, l, c, o] + β[o]` over k, l, c, for
    strides s, on images as padding leaves them. On PyTorch Keras copies images (B, H,
    W, C) to (B, C, H, W) and back before each convolution, and their gradients after
    it. PyTorch convolves them as they lie if the axes are merely named in its order,
    which this layer does; on TensorFlow and JAX it is Keras' layer.

    Configuration, names of weights in files and numbers are those of Keras' layer.

    Args:
        filters: Channels of the outputs.
        kernel_size: Height and width of the kernel, or a number for both.
        strides: s, or a pair of them. Defaults to (1, 1).
        padding: `"valid"` (default) or `"same"`.
        **kwargs: As in Keras' layer.

    Call arguments:
        inputs: float tensor (B, H, W, C).

    Returns:
        A tensor (B, H', W', filters) in the compute dtype.

    Raises:
        ValueError: as in Keras; inputs that are no numbers.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> layer = spa.layers.Conv2D(8, 3, padding="same", use_bias=False)
    >>> tuple(layer(np.ones((2, 4, 4, 3))).shape), tuple(layer.kernel.shape)
    ((2, 4, 4, 8), (3, 3, 3, 8))

    Reference: ours.
    """

    _arguments = ("inputs",)

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        **kwargs: Any,
    ) -> None:
        super().__init__(filters, kernel_size, strides, padding, **kwargs)

    def convolution_op(self, inputs: Tensor, kernel: Any) -> Tensor:
        uneven = self.padding == "same" and self.strides != (1, 1)
        last = self.data_format == "channels_last"
        if keras.backend.backend() != "torch" or uneven or not last:
            return super().convolution_op(inputs, kernel)
        torch = sys.modules["torch"]
        outputs = torch.conv2d(
            inputs.permute(0, 3, 1, 2),
            ops.convert_to_tensor(kernel).permute(3, 2, 0, 1),
            None,
            self.strides,
            self.padding,
            self.dilation_rate,
            self.groups,
        )
        return outputs.permute(0, 2, 3, 1)
