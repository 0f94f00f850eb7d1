import functools
import inspect
from typing import TYPE_CHECKING, Any

import keras

from keras_spa import _label_checks
from keras_spa._warn import warn
from keras_spa.alignment import Alignment, _kernel
from keras_spa.models import _shapes
from keras_spa.models._logits_taken import LogitsNotTaken, check_takes_logits

if TYPE_CHECKING:
    from keras_spa.models._train_step.base import StepParts
else:
    StepParts = object


class Fitting(StepParts):
    """What a `SpAModel` looks at before it trains or evaluates."""

    built: bool
    build: Any
    _check_heads: Any
    _look_at_heads: Any
    _looked: bool
    _traced_with: tuple[Alignment, ...] | None = None  # what compiled steps do

    # With the signatures of Keras', which help and notebooks show.
    @functools.wraps(keras.Model.compile, assigned=(), updated=())
    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As in Keras; losses and metrics of probabilities raise."""
        given = inspect.signature(keras.Model.compile).bind(self, *args, **kwargs)
        names = ("loss", "metrics", "weighted_metrics")
        check_takes_logits(**{name: given.arguments.get(name) for name in names})
        super().compile(*args, **kwargs)  # type: ignore[misc]

    def compile_from_config(self, config: Any) -> None:
        """As in Keras, whose own does nothing where `compile` is another.

        What takes probabilities is left out, with a warning, so that files load.
        """
        if type(self).compile is not Fitting.compile:
            of_keras: Any = super()
            of_keras.compile_from_config(config)
            return
        arguments = keras.saving.deserialize_keras_object(config)
        try:
            self.compile(**arguments)
        except LogitsNotTaken as error:
            warn(f"The model is not compiled. {error}")
            return
        if self.built:
            self.optimizer.build(self.trainable_variables)

    @functools.wraps(keras.Model.fit, assigned=(), updated=())
    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; labels that are missing or out of range raise, and alignments
        without effect warn."""
        self._check_labels(x, y)
        given = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs)
        held_out = given.arguments.get("validation_data")
        if isinstance(held_out, (tuple, list)) and len(held_out) > 1:
            self._check_labels(*held_out[:2])
        elif held_out is not None:
            self._check_labels(held_out, None)
        if self.built and self._traced_with != (now := tuple(self.alignments)):
            _kernel.keep_covariance(self.class_means, self.alignments)
            self._trace_again()
            self._traced_with = now
        heads = self.aligned_heads if self.built else []
        movers = self._acting("project_gradient") + self._acting("update_weights")
        self._looked = False
        if self.built:
            self._check_heads()
            self._look_at_heads()
        if movers and heads and not any(kernel.trainable for kernel, _ in heads):
            warn(
                "The classifier's kernel is not trainable, so it is not moved: "
                f"{movers} will have no effect.",
            )
        return super().fit(x, y, *args, **kwargs)  # type: ignore[misc]

    def make_train_function(self, force: bool = False) -> Any:
        """As in Keras; raises for a head that cannot be aligned."""
        # Before Keras takes the weights away from the variables, as it does on JAX.
        if self.built:
            self._check_heads()
            self._look_at_heads()
        return super().make_train_function(force)  # type: ignore[safe-super]

    @functools.wraps(keras.Model.evaluate, assigned=(), updated=())
    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; labels that are missing or out of range raise."""
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has looked
            self._check_labels(x, y)
        return super().evaluate(x, y, *args, **kwargs)  # type: ignore[misc]

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """As in Keras; labels that are missing or out of range raise."""
        self._check_labels(x, y)
        return super().train_on_batch(  # type: ignore[misc]
            x, y, sample_weight, class_weight, return_dict
        )

    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """As in Keras; labels that are missing or out of range raise."""
        self._check_labels(x, y)
        return super().test_on_batch(  # type: ignore[misc]
            x, y, sample_weight, return_dict
        )

    def _check_labels(self, x: Any, y: Any) -> None:
        """Raises for labels that are none, of arrays or a `PyDataset`'s first batch.

        Builds the model, if that is left to do and `x` are arrays.
        """
        labels = y
        if y is None and isinstance(x, keras.utils.PyDataset):
            _, labels, _ = keras.utils.unpack_x_y_sample_weight(x[0])
            labels = _label_checks.given(labels)
        elif y is not None or _are_arrays(x):
            labels = _label_checks.given(y)
        if y is not None and not self.built:
            self.build(keras.tree.map_structure(_shapes.batch_shape, x))
        if labels is not None and self.built:
            _label_checks.check_if_known(labels, self.class_means.num_classes)


def _are_arrays(x: Any) -> bool:
    """Whether `x` is arrays or tensors, and no source of batches."""
    parts = keras.tree.flatten(x)
    return bool(parts) and all(hasattr(part, "shape") for part in parts)
