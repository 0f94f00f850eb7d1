"""The parts of a training step that all backends share."""

from typing import Any, NamedTuple

import keras
from keras import ops

from keras_spa import distribute
from keras_spa.alignment import _kernel


class Batch(NamedTuple):
    """What the forward pass of one training step leaves for the rest of it."""

    loss: Any
    logits: Any
    size: Any  # samples, as the mean over the replicas
    means: Any = None
    seen: Any = None


class Progress(NamedTuple):
    """How far the optimizer has come; a batch skipped for overflow counts nowhere."""

    steps: Any  # updates of the weights: fewer than batches if gradients accumulate
    batches: Any


class StepParts:
    """Base of the backends' `TrainStep`, which runs these methods in their order."""

    def _forward_pass(self, x, y, sample_weight):
        features, logits = self(x, training=True, return_features=True)
        means, seen = self.class_means.updated(features, y, sample_weight)
        loss = self.compute_loss(
            x, y, logits, sample_weight, training=True, class_means=(means, seen)
        )
        size = mean_over_replicas(batch_size(x))
        loss = loss * self._share_of_replica(x, sample_weight, size)
        return Batch(loss, logits, size, means, seen)

    def _share_of_replica(self, x, sample_weight, size):
        """What this replica's loss counts in the mean over the replicas, about 1.

        Keras counts all alike, which is wrong when their parts of the batch differ.
        """
        reduction = getattr(self.loss, "reduction", "sum_over_batch_size")
        if distribute.num_replicas() == 1 or reduction == "sum":
            return 1.0
        if reduction == "mean_with_sample_weight" and sample_weight is not None:
            own = ops.sum(ops.cast(sample_weight, "float32"))
            return ops.divide_no_nan(own, mean_over_replicas(own))
        return batch_size(x) / size

    def _align_gradients(self, gradients, batch):
        gradients = list(gradients)
        is_kernel = [v is self.aligned_kernel for v in self.trainable_variables]
        if not self._acting("project_gradient") or not any(is_kernel):
            return gradients
        index = is_kernel.index(True)
        gradients[index] = _kernel.project_gradient(
            self.alignments,
            gradients[index],
            self.aligned_kernel,
            batch.means,
            batch.seen,
        )
        return gradients

    def _progress(self, ahead=0):
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        return Progress(optimizer.iterations + ahead, optimizer._iterations + ahead)

    def _finish_step(self, batch, target):
        """Store the class means and move the weights, unless the step was skipped.

        `target` is the progress that an accepted step makes.
        """
        now = self._progress()
        accepted = now.batches >= target.batches
        means = _choose(accepted, batch.means, self.class_means.means)
        seen = _choose(accepted, batch.seen, self.class_means.seen)
        self.class_means.assign(means, seen)
        kernel = self.aligned_kernel
        if self._acting("update_weights") and kernel.trainable:
            updated = _kernel.update_weights(
                self.alignments, kernel, means, seen, now.steps
            )
            kernel.assign(_choose(now.steps >= target.steps, updated, kernel))

    def _log(self, x, y, sample_weight, batch):
        loss = batch.loss * distribute.num_replicas()
        self._loss_tracker.update_state(loss, sample_weight=batch.size)
        return self.compute_metrics(x, y, batch.logits, sample_weight)

    def _weights(self):
        return _kernel.rows(self.aligned_kernel)

    def _acting(self, hook):
        return _kernel.acting(self.alignments, hook)


def batch_size(x):
    """Samples of this replica's batch, as a float32."""
    first = next(t for t in keras.tree.flatten(x) if t is not None)
    return ops.cast(ops.shape(first)[0], "float32")


def mean_over_replicas(number):
    return distribute.global_sum(number) / distribute.num_replicas()


def _choose(condition, value, variable):
    return ops.where(condition, value, ops.convert_to_tensor(variable))
