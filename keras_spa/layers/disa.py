from typing import Any

import keras
from keras import ops

from keras_spa import _checks, distribute
from keras_spa._types import Array, Shape, Tensor
from keras_spa.layers._checked import CheckedInputs
from keras_spa.losses.transport_cost import transport_cost
from keras_spa.theory import simplex_etf


@keras.saving.register_keras_serializable(package="keras_spa")
class DisA(CheckedInputs):
    """Draws the features of a batch to a simplex ETF by optimal transport (DisA).

    Put it between backbone and classifier. It passes features on unchanged and, in
    training, adds `λ·transport_cost(ĥ, M)` to the model's loss: M are the K vertices of
    a fixed simplex ETF (`theory.simplex_etf`), and ĥ the batch's features, each
    dimension standardised over the batch. The vertices have equal masses, so the
    features are spread over all of them, whatever the classes' counts; no labels are
    used, and which class goes where is left to the rest of the loss.

    It goes with any classifier, loss and alignment. Under `tf.distribute` the batch is
    the global one, and what is learnt that of one device. There, in a
    model that is no `SpAModel`, the `loss` in the logs counts the term once a replica:
    Keras keeps the losses of all replicas in one list.

    Args:
        num_classes: K, at least 2. The features need at least K−1 dimensions.
        strength: λ, at least 0. Defaults to 0.1.
        epsilon, iterations: as in `losses.transport_cost`. Default to 1 and 10.
        standardize: Whether ĥ is standardised, or h as it is. Defaults to True.
        seed: Of the ETF, as in `theory.simplex_etf`. Defaults to 0.
        **kwargs: As in `keras.Layer`: `name`, `dtype`.

    Call arguments:
        features: float tensor (B, d).
        training: Whether to add the loss. Defaults to whether the model trains.

    Returns:
        The features, (B, d).

    Attributes:
        etf: variable (K, d), not trainable, saved with the weights.

    Raises:
        ValueError: an argument out of range; features of unknown or another dimension,
            or of less than K−1.

    Example:

    >>> import keras
    >>> import keras_spa as spa
    >>> backbone = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(4, "relu"), spa.layers.DisA(3)]
    ... )
    >>> model = spa.SpAModel(backbone, keras.layers.Dense(3), spa.SpAProj())

    Reference: Gao et al. (ICML 2024), "Distribution Alignment Optimization through
    Neural Collapse for Long-tailed Classification", as in the authors' code: λ = 0.1,
    ε = 1, cosine cost, standardised features. That code allows 200 iterations, and
    stops when those of a step move u by less than 0.1 in all, which at ε = 1 is after
    2 to 4. Its optimizer is given the backbone's weights alone: the classifier stays as
    it was drawn. Here the classifier learns.
    """

    _arguments = ("features",)

    def __init__(
        self,
        num_classes: int,
        strength: float = 0.1,
        epsilon: float = 1.0,
        iterations: int = 10,
        standardize: bool = True,
        seed: int | None = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = _checks.integer("num_classes", num_classes, 2)
        self.strength = _checks.number("strength", strength, 0)
        self.epsilon = _checks.positive("epsilon", epsilon)
        self.iterations = _checks.integer("iterations", iterations, 1)
        self.standardize = _checks.choice("standardize", standardize, (True, False))
        self.seed = None if seed is None else _checks.seed("seed", seed)

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "Argument `features` must have shape (B, d) with a known d. "
                f"Received: features.shape={tuple(input_shape)}"
            )
        if input_shape[-1] < self.num_classes - 1:
            raise ValueError(
                f"Argument `features` must have at least {self.num_classes - 1} "
                f"dimensions: a simplex ETF of {self.num_classes} classes does not fit "
                f"into fewer. Received: features.shape={tuple(input_shape)}"
            )
        self.etf = self.add_weight(
            name="etf",
            shape=(self.num_classes, input_shape[-1]),
            initializer=self._initial_etf,
            trainable=False,
            dtype="float32",
            autocast=False,
        )

    def _initial_etf(self, shape: tuple[int, int], dtype: Any = None) -> Array:
        return simplex_etf(*shape, self.seed)

    def call(self, features: Tensor, training: bool | None = None) -> Tensor:
        if training:
            cost = transport_cost(
                self._standardized(features), self.etf, self.epsilon, self.iterations
            )
            self.add_loss(ops.cast(self.strength * cost, keras.config.floatx()))
        return features

    def _standardized(self, features: Tensor) -> Tensor:
        batch = distribute.global_batch(ops.cast(features, "float32"))
        if not self.standardize:
            return batch
        mean, variance = ops.moments(batch, axes=[0], keepdims=True)
        return (batch - mean) * ops.rsqrt(variance + 1e-5)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "strength": self.strength,
            "epsilon": self.epsilon,
            "iterations": self.iterations,
            "standardize": self.standardize,
            "seed": self.seed,
        }
