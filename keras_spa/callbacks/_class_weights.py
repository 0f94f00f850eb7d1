from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_spa import _checks, _keras_private, _label_checks, distribute
from keras_spa._types import Tensor


class ClassWeights(keras.metrics.Metric):
    """Weights a model's training loss by class: by 1 until assigned, or reset.

    A compiled step sees a variable change only if the model owns it. As a metric it
    is owned even by a built model, passes through compiled steps on every backend, is
    reset when an epoch or an evaluation starts, and is not saved. It logs nothing.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__(name="class_weights")
        self.num_classes = num_classes
        # Not `add_variable`: replicas share these values, they do not sum them up.
        self.weights = keras.Variable(
            "ones", (num_classes,), "float32", trainable=False, name="weights"
        )
        self.was_reset = False  # since weights were assigned
        self._restore: Callable[[], None] | None = None

    def assign(self, weights: Tensor) -> None:
        self.weights.assign(weights)
        self.was_reset = False

    def reset_state(self) -> None:
        self.assign(ops.ones((self.num_classes,)))
        self.was_reset = True

    def update_state(self, *args: Any) -> None:
        pass

    def result(self) -> dict[str, Tensor]:
        return {}

    def attach(self, model: keras.Model) -> None:
        """Weigh the loss of `model` until `detach`; call it before the first step."""
        for metric in model.metrics:
            if isinstance(metric, ClassWeights):  # of a `fit` that was interrupted
                metric.detach()
        own, unweighted = vars(model).get("compute_loss"), model.compute_loss

        def compute_loss(
            x: Any = None,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            **kwargs: Any,
        ) -> Tensor:
            if not kwargs.get("training", True):
                return unweighted(x, y, y_pred, sample_weight, **kwargs)
            given, weights = self.sample_weights(y, y_pred, sample_weight)
            loss = unweighted(x, y, y_pred, weights, **kwargs)
            if distribute.num_replicas() == 1:
                return loss
            if _checks.loss_reduction(model) == "mean_with_sample_weight":
                # A replica's mean, whose share in the whole goes by the weights given.
                share = ops.divide_no_nan(ops.sum(weights), ops.sum(given))
                loss = ops.multiply(loss, share)
            return loss

        def restore() -> None:
            _keras_private.remove_metric(model, self)
            del model.compute_loss
            if own is not None:
                model.compute_loss = own
            model.train_function = model.test_function = None

        _keras_private.add_metric(model, self)
        model.compute_loss = compute_loss
        self._restore = restore
        if self not in model.metrics:
            self.detach()
            raise ValueError(
                "DeferredReweighting needs a model whose property `metrics` includes "
                "`super().metrics`, because it keeps its weights there. "
                f"Received: {type(model).__name__} with metrics={model.metrics}"
            )
        model.make_train_function(force=True)  # the old one knows no weights

    def detach(self) -> None:
        """Leave the model as it was."""
        if self._restore is not None:
            self._restore()
        self._restore = None

    def sample_weights(
        self, y: Any, y_pred: Tensor, sample_weight: Any
    ) -> tuple[Tensor, Tensor]:
        """`sample_weight` s, or 1, and `s·w·(Σ s / Σ s·w)` with class weights w, (B,).

        The sums are those of the global batch, which weighs as much as without w.
        """
        labels = keras.tree.flatten(y)
        if len(labels) != 1 or labels[0] is None:
            raise ValueError(
                "DeferredReweighting takes the classes from one tensor of labels. "
                f"Received: y={y}"
            )
        labels, shape = labels[0], tuple(getattr(y_pred, "shape", ()))
        if shape and shape[-1] != self.num_classes:
            raise ValueError(
                "Argument `class_counts` must hold one count for each logit. "
                f"Received: {self.num_classes} class counts, y_pred.shape={shape}"
            )
        valid = _label_checks.valid(labels, self.num_classes)
        if _label_checks.kind(labels, self.num_classes) == "integer":
            labels = ops.reshape(ops.cast(labels, "int32"), (-1,))
            labels = ops.one_hot(labels, self.num_classes)
        # A sum and not a matrix product, which GPUs may round to fewer digits.
        weights = ops.sum(ops.cast(labels, "float32") * self.weights, axis=1)
        weights = ops.where(valid, weights, float("nan"))
        given, of_user = ops.ones_like(weights), keras.tree.flatten(sample_weight)[0]
        if of_user is not None:
            given = given * ops.reshape(ops.cast(of_user, "float32"), (-1,))
        weights = given * weights
        before, after = distribute.global_sum([ops.sum(given), ops.sum(weights)])
        return given, weights * ops.divide_no_nan(before, after)
