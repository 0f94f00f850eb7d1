from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Array, Shape, Tensor
from keras_spa.layers._cosine import CosineLayer
from keras_spa.theory import simplex_etf


@keras.saving.register_keras_serializable(package="keras_spa")
class ETFDense(CosineLayer):
    """A classifier that is not learnt: its weights are a fixed simplex ETF.

    Logits are `s·w_c·ĥ`, with unit weights `w_c` that stand as far apart as K
    directions can (`theory.simplex_etf`): what neural collapse would lead to, given
    from the start. Use `losses.DotRegression(energy=s)`, or cross-entropy with a larger
    scale. In a `SpAModel` the kernel is not moved: alignments act on the features only
    (SpA-Reg), or not at all (`fit` warns of these).

    Args:
        units: K, at least 2. The features need at least K−1 dimensions.
        seed: A non-negative integer for a random rotation, or None for the first K−1
            axes. Defaults to 0.
        scale: s, positive. Defaults to 1: the logits are cosines.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        inputs: features, float tensor (..., d).

    Returns:
        Logits (..., K) in the compute dtype; lengths are divided out in float32. A
        zero feature gives zeros.

    Attributes:
        kernel: variable (d, K), not trainable, saved with the weights.

    Raises:
        ValueError: `units`, `seed` or `scale` out of range; features of unknown or
            another dimension, or of less than K−1.

    Example:

    >>> import numpy as np
    >>> from keras import ops
    >>> import keras_spa as spa
    >>> layer = spa.layers.ETFDense(3)
    >>> layer.build((None, 8))
    >>> logits = ops.convert_to_numpy(layer(layer.kernel.numpy().T))
    >>> print(logits.round(3).tolist())
    [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]

    Reference: Yang et al. (NeurIPS 2022), "Inducing Neural Collapse in Imbalanced
    Learning: Do We Really Need a Learnable Classifier at the End of Deep Neural
    Network?"
    """

    def __init__(
        self, units: int, seed: int | None = 0, scale: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__(units, scale, **kwargs)
        units = _checks.integer("units", units, 2)
        self.seed = None if seed is None else _checks.seed("seed", seed)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        dimension = input_shape[-1]
        if dimension < self.units - 1:
            raise ValueError(
                f"Argument `inputs` must be features of at least {self.units - 1} "
                f"dimensions: a simplex ETF of {self.units} classes does not fit into "
                f"fewer. Received: inputs.shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(dimension, self.units),
            initializer=self._initial_kernel,
            trainable=False,
            autocast=False,
        )

    def _initial_kernel(self, shape: tuple[int, int], dtype: Any = None) -> Array:
        return simplex_etf(self.units, shape[0], self.seed).T

    def call(self, inputs: Tensor) -> Tensor:
        return self.cosines(inputs) * self.scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
