from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops

from keras_spa import _checks, _label_checks, distribute
from keras_spa._types import Tensor
from keras_spa._warn import warn
from keras_spa.alignment import Alignment, _kernel
from keras_spa.class_statistics import ClassStatistics
from keras_spa.metrics.alignment_cosine import AlignmentCosine
from keras_spa.models._surgery.check_classifier import check_classifier, check_head
from keras_spa.models._surgery.linear_map import effective, is_whole, quantization

if TYPE_CHECKING:
    from keras_spa.models._train_step.base import StepParts
else:
    StepParts = object

Head = tuple[keras.Variable, keras.Variable | None]


class HeadLayer(NamedTuple):
    """A layer whose logits training uses, and whether it is aligned."""

    argument: str  # by which it was given
    layer: keras.Layer
    aligned: bool = True

    @property
    def kernel(self) -> keras.Variable:
        """(d, K); of a quantized layer, whose variable holds codes, what they mean."""
        if quantization(self.layer) and not is_whole(self.layer):
            return effective(self.layer)[0]
        return self.layer.kernel

    @property
    def bias(self) -> keras.Variable | None:
        return getattr(self.layer, "bias", None)


class Aligned(StepParts):
    """What a `SpAModel` aligns, and how that counts in its loss and shows in its logs.

    Subclasses override `aligned_heads` (what is aligned) and `method_loss` (the loss
    without penalties).
    """

    classifier: keras.Layer
    alignment_tracker: AlignmentCosine
    name: str
    built: bool
    _told = False
    _looked = False

    @property
    def aligned_kernel(self) -> keras.Variable:
        """The classifier's variable (d, K), with a column for each class.

        Of a quantized classifier, whose variable holds codes, what these stand for.
        """
        return HeadLayer("classifier", self.classifier).kernel

    @property
    def aligned_bias(self) -> keras.Variable | None:
        """The bias (K,) that goes with `aligned_kernel`, or None."""
        return HeadLayer("classifier", self.classifier).bias

    @property
    def _head_layers(self) -> list[HeadLayer]:
        """The layers whose logits training uses."""
        return [HeadLayer("classifier", self.classifier)]

    @property
    def aligned_heads(self) -> list[Head]:
        """Kernels (d, K) that training aligns, with their biases or None.

        The first one's cosine is logged. Defaults to `aligned_kernel`.
        """
        return [(self.aligned_kernel, self.aligned_bias)]

    def _check_heads(self) -> None:
        """Raises if alignments cannot move the heads as they are now."""
        movers = self._acting("project_gradient") + self._acting("update_weights")
        for head in self._head_layers if self.alignments else []:
            # A quantized one does not train at all; LoRA's matrices do.
            reached = head.aligned or quantization(head.layer)
            if reached and not is_whole(head.layer):
                check_head(head.layer, bool(movers), head.argument)

    def _look_at_heads(self) -> None:
        """Raises for heads that give no logits; warns of those that alignment misses.

        Once a training, as soon as the model is built.
        """
        if not self.built or self._looked:
            return
        self._looked = True
        for head in self._head_layers:
            aligned = bool(self.alignments) and head.aligned
            check_classifier(head.layer, aligned, head.argument)

    def _tell_that_nothing_aligns(self) -> None:
        """Warns, once, of a training step that is not the model's own."""
        if self.alignments and not self._told:
            self._told = True
            warn(
                f"{type(self).__name__} {self.name!r} is called in training, but not "
                "by its own training step: its class means stay as they are, and "
                "nothing is aligned. Train it by its own `fit`, or use "
                "layers.SpADense; see docs/own_models.md. (Predictions with "
                "`training=True`, of Monte-Carlo dropout, are as they should be.)",
            )

    def add_loss(self, loss: Any) -> None:
        """As in Keras; an `Alignment` is added to the model's alignments."""
        if isinstance(loss, Alignment):
            self.alignments.extend(_kernel.as_list(loss))
            _kernel.keep_covariance(self.class_means, self.alignments)
            self._trace_again()
        else:
            of_keras: Any = super()
            of_keras.add_loss(loss)

    def method_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool
    ) -> Tensor:
        """The loss without the penalties: Keras', of the compiled loss.

        `y_pred` is what `call` gave: logits, or in training whatever the override of
        `call` returns beside the features. Under `tf.distribute` it is a replica's
        share: its mean over the replica's samples, over the number of replicas. A
        method whose own reduction is not that of the compiled loss sets the attribute
        `loss_reduction`, such as `"sum_over_batch_size"`.
        """
        of_keras: Any = super()
        return of_keras.compute_loss(x, y, y_pred, sample_weight, training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
        statistics: ClassStatistics | None = None,
    ) -> Tensor:
        """`method_loss` plus the penalties; `statistics` default to those stored.

        NaN if a label is none: a compiled step cannot refuse it.
        """
        y, sample_weight = _label_checks.given(y), _checks.only(sample_weight)
        loss = self.method_loss(x, y, y_pred, sample_weight, training)
        valid = _label_checks.valid(y, self.class_means.num_classes)
        loss = ops.add(loss, ops.where(ops.all(valid), 0.0, float("nan")))
        statistics = statistics or self.class_means.statistics
        for alignment in self._acting("penalty"):
            for kernel, _ in self.aligned_heads:
                penalty = _kernel.call_hook(alignment.penalty, [kernel], statistics)
                loss = ops.add(loss, penalty / distribute.num_replicas())
        return loss

    def compute_metrics(
        self,
        x: Any,
        y: Any,
        y_pred: Any,
        sample_weight: Any = None,
        statistics: ClassStatistics | None = None,
    ) -> dict[str, Any]:
        """Keras' metrics and `alignment`; `statistics` as in `compute_loss`."""
        (kernel, _), *_ = self.aligned_heads
        statistics = statistics or self.class_means.statistics
        _kernel.call_hook(self.alignment_tracker.update_state, [kernel], statistics)
        y, sample_weight = _checks.only(y), _checks.only(sample_weight)
        of_keras: Any = super()
        return of_keras.compute_metrics(x, y, y_pred, sample_weight)

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        # `loss, accuracy = model.evaluate(...)`, as of any Keras model.
        shown = self.alignment_tracker.name
        of_keras: Any = super()
        return of_keras._flatten_metrics_in_order(
            {name: value for name, value in logs.items() if name != shown}
        )
