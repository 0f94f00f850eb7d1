"""The three moments of a training step at which an alignment may act."""

import inspect
from typing import Any, Self

import keras

from keras_spa._types import Tensor
from keras_spa.class_statistics import ClassStatistics

NOISES = ("within_class", "isotropic")
SMALLEST_SHRINKAGE = 1e-3  # below it float32 has no digits left for Σ⁻¹


@keras.saving.register_keras_serializable(package="keras_spa")
class Alignment:
    """Base of all alignments: a small pure object, arrays in, arrays out.

    `SpAModel` calls the hooks once a training step, in this order. Each does nothing
    by default; a strategy overrides the one it needs. All arrays are float32
    and their rows run over the classes:

    - `weights` (K, d): the classifier's weights, the transpose of a Keras kernel;
    - `statistics`, a `ClassStatistics`: the running class means (the present batch
      included), their `directions()`, and which classes have been `seen` so far. What
      belongs to classes never seen must come back as it went in.

    To write your own alignment, override a hook and `get_config`. A hook that takes one
    more argument, `axis=-1`, spares the kernel its transposes: where columns are as
    fast as rows (not on JAX), it is called with `axis=0` and arrays (d, K), as a Keras
    kernel lies, and returns such. `keras_spa.geometry` takes the same `axis`.

    Example:

    >>> import keras
    >>> import keras_spa as spa
    >>> @keras.saving.register_keras_serializable(package="example")
    ... class UnitNorm(spa.Alignment):
    ...     '''Give every classifier weight length one after each step.'''
    ...     def update_weights(self, weights, statistics, step):
    ...         return spa.geometry.unit(weights)
    >>> print(UnitNorm())
    UnitNorm()

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters", for the three
    moments; the interface is ours.
    """

    def penalty(self, weights: Tensor, statistics: ClassStatistics) -> Tensor:
        """A scalar added to the loss, differentiable in the weights and the means."""
        return 0.0

    def project_gradient(
        self, gradient: Tensor, weights: Tensor, statistics: ClassStatistics
    ) -> Tensor:
        """The edited gradient (K, d) of the loss by `weights`, before the optimizer.

        `gradient` may be multiplied by a positive loss scale (mixed precision), so an
        edit has to be positively homogeneous in it: f(s·g) = s·f(g).
        """
        return gradient

    def update_weights(
        self, weights: Tensor, statistics: ClassStatistics, step: Tensor
    ) -> Tensor:
        """The weights (K, d) to go on with after optimizer step number `step`."""
        return weights

    def update_biases(
        self, biases: Tensor, before: Tensor, after: Tensor, statistics: ClassStatistics
    ) -> Tensor:
        """The biases (K,) that go with the weights that `update_weights` made.

        Args:
            biases: as they were, float32 (K,).
            before, after: weights (K, d) that went into `update_weights`, and came out.
            statistics: as in `update_weights`.
        """
        return biases

    @property
    def needs_covariance(self) -> bool:
        """Whether `statistics` must hold the within-class covariance."""
        return getattr(self, "noise", None) == "within_class"

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={getattr(self, k)!r}" for k in self.get_config())
        return f"{type(self).__name__}({arguments})"


def with_noise(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration, in isotropic noise if it names none, as those of 0.1 do."""
    return {"noise": "isotropic", **config} if takes(cls, "noise") else config


def takes(cls: type, argument: str) -> bool:
    """Whether a class can be made with this argument."""
    parameters = inspect.signature(cls).parameters.values()
    return any(p.name == argument or p.kind is p.VAR_KEYWORD for p in parameters)
