from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_spa import _keras_private, distribute
from keras_spa._types import Tensor
from keras_spa.models._train_step.base import Batch, StepParts


class TrainStep(StepParts):
    """`SpAModel`'s training step on TensorFlow: eager, as a graph or under XLA."""

    _looked: bool
    train_function: Any

    def make_train_function(self, force: bool = False) -> Any:
        """As in Keras; heads that the first batch builds are looked at after it.

        Its graph makes their variables, which have no values before it has run.
        """
        super().make_train_function(force)  # type: ignore[safe-super]
        if self._looked:
            return
        function = self.train_function

        def first(iterator: Any) -> Any:
            logs = function(iterator)
            if self.train_function is first:
                self.train_function = function
            self._look_at_heads()
            return logs

        self.train_function = first

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if distribute.num_replicas() > 1:
            _keras_private.keep_losses_by_thread(self)
        with tf.GradientTape() as tape:
            batch = self._forward_pass(x, y, sample_weight)
            scaled = self.optimizer.scale_loss(batch.loss)
        variables = self.trainable_variables
        target = self._progress(ahead=1 if variables else 0)
        if variables:
            gradients = tape.gradient(scaled, variables)
            self._update_variables(gradients, variables, batch)
        statistics = self._finish_step(batch, target)
        return _add_worker_axis(self._log(x, y, sample_weight, batch, statistics))

    def _update_variables(
        self,
        gradients: Sequence[Tensor | None],
        variables: Sequence[keras.Variable],
        batch: Batch,
    ) -> None:
        if self._reads_without_gradient:
            gradients = _after(batch, gradients)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            gradients = _finite_together(gradients)
        gradients = self._align_gradients(gradients, batch)
        gradients = _clip_together(self.optimizer, gradients, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def test_step(self, data: Any) -> dict[str, Any]:
        logs = super().test_step(data)  # type: ignore[misc]  # Keras' own
        return _add_worker_axis(logs)

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        # Keras would average the workers' batches to learn the shape of one, which
        # fails where a worker has one device, and where the parts differ in size.
        strategy = _keras_private.distribute_strategy(self)
        if iterator is not None and strategy is not None:
            _, _, batches = next(iter(iterator))
            local = strategy.experimental_local_results
            data_batch = keras.tree.map_structure(
                lambda value: local(value)[0], next(batches)
            )
        super()._maybe_symbolic_build(  # type: ignore[misc]
            data_batch=data_batch
        )


def _after(batch: Batch, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The gradients, for updates that wait for loss, outputs and class means.

    TensorFlow holds an update back by an edge from each read. Grappler drops those that
    seem to follow from longer ways, such as one through the `IdentityN` of all
    gradients, and then the longer way: a pass that no gradient flows through, as that
    of GLMC's clean images, found some weights updated in one of some 500 steps.
    """
    parts = batch.loss, batch.logits, batch.statistics.tensors()
    made = [part for part in keras.tree.flatten(parts) if tf.is_tensor(part)]
    with tf.control_dependencies(made):
        return [g if g is None else tf.identity(g) for g in gradients]


def _finite_together(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    """NaN on all replicas if a gradient of one is not finite: then all skip the step.

    Keras lets each replica decide for itself, before the gradients are summed.
    """
    if distribute.num_replicas() == 1:
        return gradients
    finite = [tf.reduce_all(tf.math.is_finite(g)) for g in gradients if g is not None]
    overflows = tf.cast(tf.logical_not(tf.reduce_all(finite)), "float32")
    skip = distribute.global_sum(overflows) > 0
    return [
        None if g is None else tf.where(skip, tf.cast(float("nan"), g.dtype), g)
        for g in gradients
    ]


def _clip_together(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> Sequence[Tensor]:
    """Shares of the global gradient, clipped as a whole, for the replicas to sum.

    Keras lets each replica clip its own part. Here nothing is left for it to clip: a
    share is shorter than what is clipped.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    clips = inner.clipnorm or inner.global_clipnorm or inner.clipvalue
    if distribute.num_replicas() == 1 or not clips:
        return gradients
    scale = optimizer.scale_loss(tf.ones(()))
    chosen = [
        i
        for i, variable in enumerate(variables)
        if gradients[i] is not None and not variable.overwrite_with_gradient
    ]
    parts = [tf.convert_to_tensor(gradients[i]) for i in chosen]
    whole = [
        total / tf.cast(scale, total.dtype) for total in distribute.global_sum(parts)
    ]
    gradients = list(gradients)
    for i, clipped in zip(chosen, _keras_private.clipped(inner, whole), strict=True):
        share = scale / distribute.num_replicas()
        gradients[i] = clipped * tf.cast(share, clipped.dtype)
    return gradients


def _add_worker_axis(logs: dict[str, Any]) -> dict[str, Any]:
    """Gives logs the axis along which Keras averages those of several workers."""
    strategy = tf.distribute.get_strategy()
    workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not workers or not _keras_private.has_several_workers(strategy):
        return logs
    return keras.tree.map_structure(lambda value: tf.reshape(value, (1,)), logs)
