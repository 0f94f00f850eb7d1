from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import keras
import numpy as np

from keras_spa import _arrays, distribute
from keras_spa._types import Tensor
from keras_spa.models._train_step.base import Batch, StepParts, batch_size

PARTNER = "partner_labels"  # of a batch with partners, as `data.Batches` gives it


class TrainStep(StepParts):
    """`SpAModel`'s training and test steps on JAX, as pure functions of the state.

    Inside a scope the model's variables stand for the values given to it, so that
    the code shared with the other backends can read and assign them.
    """

    train_function: Any
    test_function: Any

    def make_train_function(self, force: bool = False) -> Any:
        """As in Keras; labels that 32 bits do not hold become -1, which is no class."""
        before = self.train_function
        super().make_train_function(force)  # type: ignore[safe-super]
        if self.train_function is not before:
            self.train_function = _with_whole_labels(self.train_function)

    def make_test_function(self, force: bool = False) -> Any:
        """As in Keras; labels that 32 bits do not hold become -1, which is no class."""
        before = self.test_function
        super().make_test_function(force)  # type: ignore[safe-super]
        if self.test_function is not before:
            self.test_function = _with_whole_labels(self.test_function)

    def _scope(
        self,
        trainable: Sequence[Tensor] = (),
        non_trainable: Sequence[Tensor] = (),
        optimizer: Sequence[Tensor] = (),
        metrics: Sequence[Tensor] = (),
    ) -> keras.StatelessScope:
        mapping = [
            *zip(self.trainable_variables, trainable, strict=False),
            *zip(self.non_trainable_variables, non_trainable, strict=False),
            *zip(self.optimizer.variables, optimizer, strict=False),
            *zip(self.metrics_variables, metrics, strict=False),
        ]
        return keras.StatelessScope(mapping, collect_losses=True)

    def train_step(self, state: Any, data: Any) -> tuple[Any, Any]:
        trainable, non_trainable, optimizer, metrics = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(
            distribute.split(data)
        )

        def scaled_loss(trainable: Sequence[Tensor]) -> tuple[Tensor, Any]:
            with self._scope(trainable, non_trainable, optimizer, metrics) as scope:
                batch = self._forward_pass(x, y, sample_weight)
                scaled = self.optimizer.scale_loss(batch.loss)
            new_non_trainable = _values(scope, self.non_trainable_variables)
            return scaled, (
                batch,
                new_non_trainable,
                _values(scope, self.metrics_variables),
            )

        gradients, aux = jax.grad(scaled_loss, has_aux=True)(trainable)
        batch, non_trainable, metrics = aux
        with self._scope(trainable, optimizer=optimizer):
            gradients = self._align_gradients(gradients, batch)
            target = self._progress(ahead=1 if trainable else 0)
        if trainable:
            trainable, optimizer = self.optimizer.stateless_apply(
                optimizer, gradients, trainable
            )
        with self._scope(trainable, non_trainable, optimizer, metrics) as scope:
            statistics = self._finish_step(batch, target)
            logs = self._log(x, y, sample_weight, batch, statistics)
        return logs, (
            _values(scope, self.trainable_variables),
            _values(scope, self.non_trainable_variables),
            optimizer,
            _values(scope, self.metrics_variables),
        )

    def test_step(self, state: Any, data: Any) -> tuple[Any, Any]:
        trainable, non_trainable, metrics = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(
            distribute.split(data)
        )
        with self._scope(trainable, non_trainable, metrics=metrics) as scope:
            logits = self(x, training=False)
            loss = self.compute_loss(x, y, logits, sample_weight, training=False)
            logs = self._log(
                x, y, sample_weight, Batch(loss, logits, size=batch_size(x))
            )
        return logs, (
            trainable,
            _values(scope, self.non_trainable_variables),
            _values(scope, self.metrics_variables),
        )


def _values(
    scope: keras.StatelessScope, variables: Sequence[keras.Variable]
) -> list[Tensor]:
    return [scope.get_current_value(variable) for variable in variables]


def _with_whole_labels(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step before which JAX cuts off no digits of labels beyond 32 bits.

    What is left of them might be a class.
    """

    def step_on_whole_labels(state: Any, batches: Iterator[Any]) -> Any:
        return step(state, map(_whole_labels, batches))

    return step_on_whole_labels


def _whole_labels(data: Any) -> Any:
    """A batch with -1, which is no class, for labels that 32 bits do not hold."""
    if not isinstance(data, (tuple, list)) or len(data) < 2:
        return data  # images alone
    x, labels, *others = data
    if isinstance(x, dict) and PARTNER in x:
        x = {**x, PARTNER: keras.tree.map_structure(_within_32_bits, x[PARTNER])}
    return (x, keras.tree.map_structure(_within_32_bits, labels), *others)


def _within_32_bits(labels: Any) -> Any:
    if not isinstance(labels, np.ndarray) or not _arrays.beyond_32_bits(labels):
        return labels
    return np.where((labels >= 0) & (labels < 2**31), labels, -1).astype("int32")
