from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_spa import _checks
from keras_spa._types import Shape, Tensor
from keras_spa._warn import warn
from keras_spa.alignment import Alignment, _kernel
from keras_spa.alignment._kernel import Alignments
from keras_spa.class_statistics import ClassStatistics
from keras_spa.layers._checked import CheckedInputs
from keras_spa.layers.class_means import ClassMeans

NO_LORA = (
    "Argument `lora_rank` must be None: a SpADense aligns the kernel that it trains, "
    "which LoRA would freeze. Enable LoRA in the layers before it. Received: {}"
)


@keras.saving.register_keras_serializable(package="keras_spa")
class SpADense(CheckedInputs, keras.layers.Dense):
    """A `keras.layers.Dense` that carries its alignment, for a model of your own.

    Called with labels in training, the layer

    1. updates its class means from the batch's features and labels;
    2. adds each alignment's `penalty` to the model's losses (`add_loss`);
    3. passes the gradient of its kernel through each `project_gradient`, on the way
       back: that of everything computed in this call, penalties included.

    After the optimizer step, `apply_update` passes the kernel through each
    `update_weights`; only SpA-SLERP needs it. The numbers are those of `SpAModel`.
    Without labels, or outside training, the layer is a plain Dense.

    Args:
        units: K, the number of classes, at least 2.
        alignment: An `Alignment` or the name of one, as in `SpAModel`, a list of them
            (applied in order), or None.
        momentum: m of the running class means, in [0, 1]. Defaults to 0.9.
        use_bias: Whether the logits have a bias. Defaults to True.
        **kwargs: As in `keras.layers.Dense`, but for an activation and LoRA:
            `kernel_initializer`, ...

    Call arguments:
        features: float tensor (B, d).
        labels: None, integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K).
        sample_weight: None or non-negative tensor (B,): weights in the class means.
        training: Whether to align. Defaults to whether the model trains; the `call`
            of a subclassed model has to pass it on.

    Returns:
        Logits (B, K) in the compute dtype. Alignment arithmetic is float32.

    Attributes:
        kernel: float variable (d, K), whatever the compute dtype.
        alignments: list of `Alignment`.
        class_means: `ClassMeans`, saved with the layer.

    Raises:
        ValueError: arguments out of range or of another kind, features or labels of
            another shape, labels out of range, where their values can be read (not in
            a compiled step).

    Two calls in a step are projected one by one, and a `kernel_regularizer` not at
    all. Under `tf.distribute` class means and projected gradient are those of the
    global batch.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> image, label = keras.Input((8,)), keras.Input((), dtype="int32")
    >>> features = keras.layers.Dense(4, "relu")(image)
    >>> head = spa.layers.SpADense(3, spa.SpAReg(0.1))
    >>> model = keras.Model([image, label], head(features, label))
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> x, y = np.random.rand(32, 8), np.arange(32) % 3
    >>> history = model.fit([x, y], y, verbose=0)
    >>> classifier = keras.Model(image, head(features))  # needs no labels

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters"; the form of a
    layer is ours.
    """

    def __init__(
        self,
        units: int,
        alignment: Alignments = None,
        momentum: float = 0.9,
        use_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        units = _checks.integer("units", units, 2)
        if kwargs.get("lora_rank") is not None:
            raise ValueError(NO_LORA.format(f"lora_rank={kwargs['lora_rank']}"))
        # Labels cast to half precision would round to other classes.
        super().__init__(units, use_bias=use_bias, autocast=False, **kwargs)
        if self.activation is not keras.activations.linear:
            raise ValueError(
                "Argument `activation` must be None: a SpADense gives logits, of which "
                "losses take the softmax (from_logits=True); for probabilities put "
                f"keras.layers.Softmax() after it. Received: {self.activation!r}"
            )
        self.alignments = _kernel.as_list(alignment)
        self.in_spa_model = False  # which aligns it, without labels in its call
        self._told = False
        self.momentum = _checks.number("momentum", momentum, 0, 1)
        self.class_means = ClassMeans(units, self.momentum, name="class_means")
        _kernel.keep_covariance(self.class_means, self.alignments)

    def build(self, input_shape: Shape) -> None:
        self.class_means.build(input_shape)
        super().build(input_shape)

    def add_weight(self, *args: Any, **kwargs: Any) -> keras.Variable:
        # Alignments need the kernel as it is stored.
        return super().add_weight(*args, **{**kwargs, "autocast": False})

    def call(
        self,
        features: Tensor,
        labels: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool | None = None,
    ) -> Tensor:
        kernel = self.kernel
        if training and labels is None and self.alignments:
            self._tell_that_nothing_aligns()
        if training and labels is not None:
            statistics = self.class_means.updated(features, labels, sample_weight)
            self.class_means.assign(statistics)
            # TensorFlow reads a variable anew for each use: one that no gradient flows
            # through could come after the update. A reshaped one is read once.
            kernel = ops.reshape(kernel, kernel.shape)
            kernel = _route_gradient(self.alignments, kernel, statistics)
            for alignment in _kernel.acting(self.alignments, "penalty"):
                penalty = _kernel.call_hook(alignment.penalty, [kernel], statistics)
                self.add_loss(ops.cast(penalty, keras.config.floatx()))
        logits = ops.matmul(
            ops.cast(features, self.compute_dtype), ops.cast(kernel, self.compute_dtype)
        )
        if self.use_bias:
            logits = logits + ops.cast(self.bias, self.compute_dtype)
        return logits

    def _tell_that_nothing_aligns(self) -> None:
        if self.in_spa_model or self._told:
            return
        self._told = True
        warn(
            f"SpADense {self.name!r} is called in training without labels: its class "
            "means stay as they are, and nothing is aligned. Call it with them, "
            "head(features, labels), as docs/own_models.md shows.",
        )

    def apply_update(self, step: Tensor = 0) -> None:
        """Update kernel and bias by each alignment, if they are trainable.

        Args:
            step: The optimizer's iterations, of which a rate may be a schedule.
        """
        if self.kernel.trainable:
            kernel, bias = _kernel.update_classifier(
                self.alignments,
                self.kernel,
                self.bias,
                self.class_means.statistics,
                step,
            )
            self.kernel.assign(kernel)
            if self.bias is not None:
                self.bias.assign(bias)

    def enable_lora(self, *args: Any, **kwargs: Any) -> None:
        raise ValueError(NO_LORA.format(f"layer {self.name!r}"))

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "alignment": [serialize(alignment) for alignment in self.alignments],
            "momentum": self.momentum,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        deserialize = keras.saving.deserialize_keras_object
        alignment = [deserialize(part) for part in config["alignment"]]
        return super().from_config({**config, "alignment": alignment})


def _route_gradient(
    alignments: Sequence[Alignment], kernel: keras.Variable, statistics: ClassStatistics
) -> Tensor:
    """The kernel itself, on a route on which its gradient is edited first."""

    @ops.custom_gradient
    def identity(kernel: Tensor, *parts: Tensor) -> Any:
        def gradient(*args: Tensor, upstream: Tensor | None = None) -> Any:
            if upstream is None:  # as TensorFlow and JAX call it
                (upstream,) = args
            edited = _kernel.project_gradient(
                alignments, upstream, kernel, ClassStatistics(*parts)
            )
            return edited, *(ops.zeros_like(part) for part in parts)

        return kernel, gradient

    if not _kernel.acting(alignments, "project_gradient"):
        return kernel
    tensors = (kernel, *statistics.tensors())
    return identity(*map(ops.convert_to_tensor, tensors))
