"""The parts of a training step that all backends share."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops

from keras_spa import _checks, _keras_private, _label_checks, distribute
from keras_spa._types import Tensor
from keras_spa.alignment import Alignment, _kernel
from keras_spa.class_statistics import ClassStatistics

if TYPE_CHECKING:
    from keras_spa.models._train_step.host import Host
else:
    Host = object


class Batch(NamedTuple):
    """What the forward pass of one training step leaves for the rest of it."""

    loss: Tensor
    logits: Tensor
    size: Tensor  # samples, as the mean over the replicas
    statistics: Any = None  # ClassStatistics; evaluation has none of its own


class Progress(NamedTuple):
    """How far the optimizer has come; a batch skipped for overflow counts nowhere."""

    steps: Tensor  # updates of the weights: fewer than batches if gradients accumulate
    batches: Tensor


class StepParts(Host):
    """Base of the backends' `TrainStep`, which runs these methods in their order."""

    # Of `method_loss` in training; None: that of the compiled loss.
    loss_reduction: str | None = None

    def _forward_pass(self, x: Any, y: Tensor, sample_weight: Tensor | None) -> Batch:
        y, sample_weight = _label_checks.given(y), _checks.only(sample_weight)
        features, logits = self(x, training=True, return_features=True)
        self._check_heads()  # which the first batch may have built
        statistics = self.class_means.updated(features, y, sample_weight)
        loss = self.compute_loss(
            x, y, logits, sample_weight, training=True, statistics=statistics
        )
        size = mean_over_replicas(batch_size(x))
        loss = ops.multiply(loss, self._share_of_replica(x, sample_weight, size))
        return Batch(loss, logits, size, statistics)

    def _share_of_replica(
        self, x: Any, sample_weight: Tensor | None, size: Tensor
    ) -> Tensor:
        """What this replica's loss counts in the mean over the replicas, about 1.

        Keras counts all alike, which is wrong when their parts of the batch differ.
        """
        reduction = _checks.loss_reduction(self)
        if distribute.num_replicas() == 1 or reduction == "sum":
            return 1.0
        if reduction == "mean_with_sample_weight" and sample_weight is not None:
            own = ops.sum(ops.cast(sample_weight, "float32"))
            return ops.divide_no_nan(own, mean_over_replicas(own))
        return batch_size(x) / size

    def _align_gradients(
        self, gradients: Sequence[Tensor], batch: Batch
    ) -> list[Tensor]:
        gradients = list(gradients)
        if not self._acting("project_gradient"):
            return gradients
        for kernel, _ in self.aligned_heads:
            is_kernel = [variable is kernel for variable in self.trainable_variables]
            if any(is_kernel):
                index = is_kernel.index(True)
                gradients[index] = _kernel.project_gradient(
                    self.alignments, gradients[index], kernel, batch.statistics
                )
        return gradients

    def _progress(self, ahead: int = 0) -> Progress:
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        batches = _keras_private.batch_count(optimizer)
        return Progress(optimizer.iterations + ahead, batches + ahead)

    def _finish_step(self, batch: Batch, target: Progress) -> ClassStatistics:
        """Store the class means and move the weights, unless the step was skipped.

        `target` is the progress that an accepted step makes. Returns what was stored.
        """
        now = self._progress()
        statistics = batch.statistics
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            accepted = now.batches >= target.batches
            stored = self.class_means.statistics.tensors()
            pairs = zip(statistics.tensors(), stored, strict=True)
            statistics = ClassStatistics(*(_choose(accepted, *pair) for pair in pairs))
        self.class_means.assign(statistics)
        movers = self._acting("update_weights")
        for kernel, bias in self.aligned_heads if movers else []:
            if not kernel.trainable:
                continue
            updated, biases = _kernel.update_classifier(
                self.alignments, kernel, bias, statistics, now.steps
            )
            made = now.steps >= target.steps
            kernel.assign(_choose(made, updated, kernel))
            if bias is not None and bias.trainable:
                bias.assign(_choose(made, ops.cast(biases, bias.dtype), bias))
        return statistics

    def _log(
        self,
        x: Any,
        y: Tensor,
        sample_weight: Tensor | None,
        batch: Batch,
        statistics: ClassStatistics | None = None,
    ) -> dict[str, Tensor]:
        loss = batch.loss * distribute.num_replicas()
        _keras_private.log_loss(self, loss, batch.size)
        return self.compute_metrics(
            x, y, batch.logits, sample_weight, statistics=statistics
        )

    def _trace_again(self) -> None:
        """Make the compiled steps anew, also amid `fit`, which calls them at once."""
        if self.train_function is not None:
            self.make_train_function(force=True)
        if self.test_function is not None:
            self.make_test_function(force=True)

    def _acting(self, hook: str) -> list[Alignment]:
        return _kernel.acting(self.alignments, hook)


def batch_size(x: Any) -> Tensor:
    """Samples of this replica's batch, as a float32."""
    first = next(t for t in keras.tree.flatten(x) if t is not None)
    return ops.cast(ops.shape(first)[0], "float32")


def mean_over_replicas(number: Tensor) -> Tensor:
    return distribute.global_sum(number) / distribute.num_replicas()


def _choose(condition: Tensor, value: Tensor, variable: keras.Variable) -> Tensor:
    return ops.where(condition, value, ops.convert_to_tensor(variable))
