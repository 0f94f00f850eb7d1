from typing import Any

import keras
from keras import ops

from keras_spa import _checks, geometry
from keras_spa._types import Shape, Tensor
from keras_spa.layers._checked import CheckedInputs


class CosineLayer(CheckedInputs):
    """Base of the classifiers that see directions only.

    A subclass makes `kernel` (d, K), a variable that does not autocast.

    Args:
        units: K.
        scale: s, positive, what the cosines are multiplied by.
    """

    _arguments = ("inputs",)

    def __init__(self, units: int, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = _checks.integer("units", units, 1)
        self.scale = _checks.positive("scale", scale)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                "Argument `inputs` must be features of shape (..., d) with a known d. "
                f"Received: inputs.shape={tuple(input_shape)}"
            )
        self.input_spec = keras.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def cosines(self, features: Tensor) -> Tensor:
        """`ŵ_c·ĥ` (..., K), normalised in float32, multiplied in the compute dtype."""
        weights = geometry.unit(ops.transpose(self.kernel))
        return ops.matmul(
            ops.cast(geometry.unit(features), self.compute_dtype),
            ops.cast(ops.transpose(weights), self.compute_dtype),
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "scale": self.scale}
