"""All that this package uses of Keras, and of its backends, without being promised it.

Public Keras has no other way to these. Each function names what breaks without it, so
that a new Keras can be checked against one page; a test sees to it that no other module
reaches for an underscored attribute of Keras, or into `keras.src`.

Two private methods are overridden, and have to stay what they are (`OVERRIDDEN`):

- `Model._maybe_symbolic_build`, in `models/_train_step/tensorflow.py`. Without it `fit`
  fails under `tf.distribute` where a worker has one device, or where the parts of the
  first batch differ in size.
- `Model._flatten_metrics_in_order`, in `models/_aligned.py`. Without it `evaluate` and
  `train_on_batch` list `alignment` beside what was compiled.

On JAX `train_function` and `test_function`, which are public, are taken to be called
with the state and an iterator of batches (`models/_train_step/jax.py`). Without that
labels beyond 32 bits are cut to others.
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import keras

# Computes with TensorFlow, in a `tf.data` graph, while Keras runs on another backend.
# Without it the augmentation layers work in `tf.data` on TensorFlow only.
from keras.src.utils.backend_utils import DynamicBackend as DynamicBackend

from keras_spa._types import Tensor

OVERRIDDEN = ("_maybe_symbolic_build", "_flatten_metrics_in_order")


def is_compiled_by_xla() -> bool:
    """Whether TensorFlow is tracing what XLA will compile, so that shapes are static.

    Without it: AutoAugment in `tf.data` computes every operation for all images, or
    does not compile in a model's step. Steps with thousands of classes take three times
    as long where XLA compiles them for CPUs.
    """
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_util

    graph = ops.get_default_graph()
    return bool(control_flow_util.GraphOrParentsInXlaContext(graph))


def all_layers(model: keras.Layer, include_self: bool = True) -> list[keras.Layer]:
    """The model's layers and theirs, at any depth.

    Without it: no copies of models (`align`, export in float32), no `head` by name in
    subclassed models, no check that the head's kernel is used once.
    """
    return list(model._flatten_layers(include_self=include_self))


def logits_of(outputs: Tensor) -> Tensor | None:
    """The logits that Keras keeps beside the outputs of a softmax, if it does.

    It keeps those of a sigmoid, too: a graph of TensorFlow tells which it was, values
    have to elsewhere. Without it: losses take the logarithm of probabilities, and lose
    what underflowed.
    """
    made_by = getattr(getattr(outputs, "op", None), "type", None)
    return None if made_by == "Sigmoid" else getattr(outputs, "_keras_logits", None)


def keep_logits(outputs: Tensor, logits: Tensor) -> None:
    """Puts them beside outputs that were computed anew.

    Without it: Keras' losses of a 16-bit softmax take the logarithm.
    """
    outputs._keras_logits = logits


def producer(tensor: Tensor) -> Any:
    """The node (call of an operation) of a Functional graph that made the tensor.

    It has `operation`, `arguments` and `input_tensors`. Without it: no
    `SpAModel.from_model`, `diagnose` or `align` of Functional and Sequential models.
    """
    operation, index, _ = tensor._keras_history
    return operation._inbound_nodes[index]


def own_variables(layer: keras.Layer) -> list[keras.Variable]:
    """The layer's variables without those of its sublayers.

    Without it: no check that the head's kernel is used once.
    """
    return layer._trainable_variables + layer._non_trainable_variables


def attributes(model: keras.Model) -> dict[str, Any]:
    """The model's attributes by name, those that PyTorch keeps elsewhere among them.

    Without it: subclassed models split on PyTorch remember their head by its place
    among the layers, and messages name it by its layer's name.
    """
    return {**vars(model), **vars(model).get("_modules", {})}


def batch_count(optimizer: keras.optimizers.Optimizer) -> Tensor:
    """Batches the optimizer has taken in, those it only accumulated among them.

    Without it: a batch skipped for an overflow cannot be told from one accumulated.
    """
    return optimizer._iterations


def log_loss(model: keras.Model, loss: Tensor, weight: Tensor) -> None:
    """Takes the loss of a step into the mean that is logged as `loss`.

    Without it: training steps of our own log no `loss`.
    """
    model._loss_tracker.update_state(loss, sample_weight=weight)


@contextlib.contextmanager
def unlocked(layer: keras.Layer) -> Iterator[None]:
    """Context in which a built layer may get one more variable.

    Without it: no covariance is kept for an alignment added to a built model.
    """
    layer._tracker.unlock()
    try:
        yield
    finally:
        layer._tracker.lock()


def unlock(layer: keras.Layer) -> None:
    """Lets a built layer get more variables and layers.

    Without it: subclasses of `SpAModel` cannot add parts of their own in `__init__`.
    """
    layer._tracker.unlock()


def add_metric(model: keras.Model, metric: keras.metrics.Metric) -> None:
    """Gives a built model one more metric.

    Without it: `DeferredReweighting` cannot change its weights in a compiled step.
    """
    model._metrics.append(metric)


def remove_metric(model: keras.Model, metric: keras.metrics.Metric) -> None:
    """Takes back what `add_metric` gave."""
    model._metrics.remove(metric)


def keep_losses_by_thread(model: keras.Model) -> None:
    """Gives each thread lists of its own for what layers add to the loss.

    Replicas are threads of one process, which take turns wherever they sum over all.
    Without it: a replica takes the losses that another one's layers added for its own,
    and their gradient is lost.
    """
    for layer in all_layers(model):
        if not isinstance(layer._losses, _OfThread):
            layer._losses = _OfThread()


class _OfThread(threading.local):
    """A list, to each thread another one: as much of it as Keras asks for."""

    def __init__(self) -> None:
        self.losses: list[Tensor] = []

    def extend(self, losses: Iterable[Tensor]) -> None:
        self.losses.extend(losses)

    def clear(self) -> None:
        self.losses.clear()

    def __getitem__(self, index: Any) -> Any:
        return self.losses[index]


def clipped(
    optimizer: keras.optimizers.Optimizer, gradients: list[Tensor]
) -> list[Tensor]:
    """The gradients as the optimizer's `clipnorm` and so on clip them.

    Without it: clipping on replicas is that of each one's part of the gradient.
    """
    return list(optimizer._clip_gradients(gradients))


def distribute_strategy(model: keras.Model) -> Any:
    """The `tf.distribute` strategy in whose scope the model was made, or None.

    Without it: see `_maybe_symbolic_build` above.
    """
    return model._distribute_strategy


def has_several_workers(strategy: Any) -> bool:
    """Whether a MultiWorkerMirroredStrategy has more than one worker.

    Without it: `fit` fails where Keras averages the workers' logs, or where it does
    not.
    """
    return strategy.extended._in_multi_worker_mode()
