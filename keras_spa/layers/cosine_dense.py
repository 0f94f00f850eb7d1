from typing import Any

import keras
from keras import ops

from keras_spa import _checks
from keras_spa._types import Shape, Tensor
from keras_spa.layers._cosine import CosineLayer


@keras.saving.register_keras_serializable(package="keras_spa")
class CosineDense(CosineLayer):
    """A classifier whose logits are scaled cosines, `s·ŵ_c·ĥ`.

    Lengths of weights and features do not count, so the weights of frequent classes
    gain nothing by growing. No bias. With `losses.LDAM`, which scales by itself, use
    `scale=1`.

    Args:
        units: K, at least 1.
        scale: s, positive: the largest logit. Defaults to 30.
        learn_scale: Whether s is a trainable weight that starts at `scale`. Defaults
            to False.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        inputs: features, float tensor (..., d).

    Returns:
        Logits (..., K) in the compute dtype; lengths are divided out in float32. A
        zero feature gives zeros.

    Attributes:
        kernel: variable (d, K).

    Raises:
        ValueError: `units`, `scale` or `learn_scale` out of range; features of unknown
            or another dimension.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> layer = spa.layers.CosineDense(2, scale=10)
    >>> layer.build((None, 2))
    >>> layer.set_weights([np.array([[5.0, 0.0], [0.0, 0.1]])])
    >>> print(ops.convert_to_numpy(layer(np.array([[3.0, 4.0]]))).round(3))
    [[6. 8.]]

    Reference: the normalised classifier of Cao et al. (NeurIPS 2019), "Learning
    Imbalanced Datasets with Label-Distribution-Aware Margin Loss"; a learnt scale as
    in Wang et al. (2017), "NormFace".
    """

    def __init__(
        self,
        units: int,
        scale: float = 30.0,
        learn_scale: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, scale, **kwargs)
        self.learn_scale = _checks.choice("learn_scale", learn_scale, (True, False))

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.units),
            initializer="glorot_uniform",
            autocast=False,
        )
        if self.learn_scale:
            self.learnt_scale = self.add_weight(
                name="scale",
                shape=(),
                initializer=keras.initializers.Constant(self.scale),
                autocast=False,
            )

    def call(self, inputs: Tensor) -> Tensor:
        cosines = self.cosines(inputs)
        if self.learn_scale:
            return cosines * ops.cast(self.learnt_scale, cosines.dtype)
        return cosines * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "learn_scale": self.learn_scale}
