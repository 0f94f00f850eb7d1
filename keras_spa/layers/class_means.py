from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _arrays, _checks, _keras_private, _label_checks
from keras_spa._types import Shape, Tensor
from keras_spa.class_statistics import ClassStatistics
from keras_spa.layers._checked import CheckedInputs
from keras_spa.layers.batch_sums import class_weights, moves, within_class_scatter

COVARIANCE_MOMENTUM = 0.98


@keras.saving.register_keras_serializable(package="keras_spa")
class ClassMeans(CheckedInputs):
    """Running mean of the features of each class.

    For each class c present in the (global) batch, first sight sets
    `μ_c ← mean of its features`; later `μ_c ← m·μ_c + (1−m)·mean of its features`.
    Classes not in the batch keep their mean; classes never seen have `seen = 0`.
    With soft labels and sample weights the mean is weighted by both: a sample of
    weight 0 is not seen.

    In a model the layer passes its features on unchanged, and updates its means if
    it gets labels in training: `features = ClassMeans(10)(features, labels)`.
    `SpAModel` has one of its own, `model.class_means`.

    With `covariance` it also keeps the within-class covariance of the features, that
    of each batch about the running means, each class counting alike, as a running mean
    with momentum 0.98.

    Args:
        num_classes: K, at least 2.
        momentum: m in [0, 1]: the share of the old mean. Defaults to 0.9.
        covariance: Whether to keep the covariance as well, 4·d² bytes. Defaults to
            False; a `SpAModel` keeps it if one of its alignments asks for it.

    Call arguments:
        features: float tensor (B, d).
        labels: None (no update), integers (B,) or (B, 1) in 0..K−1, or soft labels
            (B, K).
        sample_weight: None or non-negative tensor (B,).
        training: Whether to update. Defaults to False.

    Attributes:
        means: float32 variable (K, d), whatever the dtype policy; 0 for classes never
            seen.
        seen: float32 variable (K,): 1 for classes observed so far.
        statistics: `ClassStatistics` of all, what alignments take.

    Raises:
        ValueError: `num_classes` below 2, `momentum` out of range, features or labels
            of another shape, or labels out of range, where their values can be read
            (not in a compiled step).

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> layer = spa.layers.ClassMeans(num_classes=3)
    >>> features = np.array([[1.0, 3.0], [3.0, 5.0], [0.0, 1.0]], "float32")
    >>> _ = layer(features, np.array([0, 0, 2]), training=True)
    >>> print(layer.means.numpy().tolist(), layer.seen.numpy().tolist())
    [[2.0, 4.0], [0.0, 0.0], [0.0, 1.0]] [1.0, 0.0, 1.0]

    Reference: Wang, Gao and Xie (AAAI 2026), "Space Alignment Matters": moving
    averages with momentum 0.9. Weighting by soft labels and sample weights is ours.
    """

    def __init__(
        self,
        num_classes: int,
        momentum: float = 0.9,
        covariance: bool = False,
        **kwargs: Any,
    ) -> None:
        # Labels cast to half precision would round to other classes.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = _checks.integer("num_classes", num_classes, 2)
        self.momentum = _checks.number("momentum", momentum, 0, 1)
        self.covariance = _checks.choice("covariance", covariance, (False, True))
        self.scatter = self.scatter_weight = None

    def build(self, features_shape: Shape, labels_shape: Shape | None = None) -> None:
        if len(features_shape) != 2 or not features_shape[-1]:
            raise ValueError(
                "Argument `features` must have shape (B, d) with a known d. "
                f"Received: features.shape={tuple(features_shape)}"
            )
        dimension = features_shape[-1]
        self.means = self._add_state("means", (self.num_classes, dimension))
        self.seen = self._add_state("seen", (self.num_classes,))
        if self.covariance:
            self._add_covariance()

    def _add_state(self, name: str, shape: Shape) -> keras.Variable:
        # Equal on all replicas by construction, so they need no aggregation.
        return self.add_weight(
            name=name,
            shape=shape,
            initializer="zeros",
            trainable=False,
            dtype="float32",
            autocast=False,
            aggregation="none",
        )

    def _add_covariance(self) -> None:
        dimension = self.means.shape[1]
        self.scatter = self._add_state("scatter", (dimension, dimension))
        self.scatter_weight = self._add_state("scatter_weight", ())

    def keep_covariance(self) -> None:
        """From now on keep the covariance as well, also if the layer is built."""
        if not self.covariance and self.built:
            with _keras_private.unlocked(self):
                self._add_covariance()
        self.covariance = True

    @property
    def statistics(self) -> ClassStatistics:
        return ClassStatistics(self.means, self.seen, self.scatter, self.scatter_weight)

    def updated(
        self, features: Tensor, labels: Tensor, sample_weight: Tensor | None = None
    ) -> ClassStatistics:
        """`ClassStatistics` with this batch taken in, without storing them.

        Its means carry the gradient to the batch's features.
        """
        if len(features.shape) != 2 or features.shape[1] != self.means.shape[1]:
            raise ValueError(
                f"Argument `features` must have shape (B, {self.means.shape[1]}). "
                f"Received: features.shape={tuple(features.shape)}"
            )
        _label_checks.check_if_known(labels, self.num_classes)
        _arrays.of_one_length("labels", labels, "features", features)
        if sample_weight is not None:
            _arrays.of_one_length("sample_weight", sample_weight, "features", features)
        weights = class_weights(labels, self.num_classes, sample_weight)
        present = weights > 0
        old, seen = ops.convert_to_tensor(self.means), ops.convert_to_tensor(self.seen)
        keep = ops.where(present, self.momentum * seen, 1.0)
        rates = (1 - keep) / ops.where(present, weights, 1.0)
        means = old + moves(old, rates, features, labels, sample_weight)
        seen = ops.maximum(seen, ops.cast(present, "float32"))
        if self.scatter is None:
            return ClassStatistics(means, seen)
        constants = map(ops.stop_gradient, (features, means, weights))
        features, about, weights = constants
        scatter = within_class_scatter(features, labels, about, weights, sample_weight)
        any_present = ops.cast(ops.any(present), "float32")
        keep = 1 - (1 - COVARIANCE_MOMENTUM) * any_present
        return ClassStatistics(
            means,
            seen,
            keep * ops.convert_to_tensor(self.scatter) + (1 - keep) * scatter,
            keep * ops.convert_to_tensor(self.scatter_weight) + (1 - keep),
        )

    def assign(self, statistics: ClassStatistics) -> None:
        """Store what `updated` returned."""
        stored = self.statistics.tensors()
        for variable, value in zip(stored, statistics.tensors(), strict=True):
            variable.assign(value)

    def load_own_variables(self, store: Any) -> None:
        """As in Keras; a covariance that the file lacks, or has alone, is no error.

        It begins anew, or is left out: weights do not depend on how they were aligned.
        """
        stored = {name: store[name] for name in store.keys()}  # noqa: SIM118
        if self.built and len(stored) in (2, 4):
            for i, variable in enumerate(self.non_trainable_variables[2:], 2):
                stored.setdefault(str(i), np.zeros(variable.shape))
            stored = {str(i): stored[str(i)] for i in range(len(self.weights))}
        super().load_own_variables(stored)

    def call(
        self,
        features: Tensor,
        labels: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool | None = False,
    ) -> Tensor:
        if training and labels is not None:
            self.assign(self.updated(features, labels, sample_weight))
        return features

    def get_config(self) -> dict[str, Any]:
        config = {"num_classes": self.num_classes, "momentum": self.momentum}
        config["covariance"] = self.covariance
        return {**super().get_config(), **config}
