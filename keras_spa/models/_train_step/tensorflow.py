from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_spa import _keras_private, distribute
from keras_spa._types import Tensor
from keras_spa.models._train_step.base import StepParts


class TrainStep(StepParts):
    """`SpAModel`'s training step on TensorFlow: eager, as a graph or under XLA."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            batch = self._forward_pass(x, y, sample_weight)
            scaled = self.optimizer.scale_loss(batch.loss)
        variables = self.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            gradients = _finite_together(gradients)
        gradients = self._align_gradients(gradients, batch)
        target = self._progress(ahead=1)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        statistics = self._finish_step(batch, target)
        return _add_worker_axis(self._log(x, y, sample_weight, batch, statistics))

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


def _add_worker_axis(logs: dict[str, Any]) -> dict[str, Any]:
    """Gives logs the axis along which Keras averages those of several workers."""
    strategy = tf.distribute.get_strategy()
    workers = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not workers or not _keras_private.has_several_workers(strategy):
        return logs
    return keras.tree.map_structure(lambda value: tf.reshape(value, (1,)), logs)
