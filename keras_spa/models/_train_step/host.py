"""What a model owes the training step that it inherits."""

from typing import Any, Protocol

import keras

from keras_spa._types import Tensor
from keras_spa.alignment import Alignment
from keras_spa.class_statistics import ClassStatistics
from keras_spa.layers.class_means import ClassMeans


class Host(Protocol):
    """A Keras model whose training step aligns something with class means.

    The first part is `SpAModel`'s, and where its subclasses may differ; the second is
    what every compiled `keras.Model` has.
    """

    alignments: list[Alignment]
    class_means: ClassMeans  # from `build` on

    @property
    def aligned_heads(self) -> list[tuple[keras.Variable, keras.Variable | None]]:
        """Variables (d, K) whose columns are aligned with the class means; biases."""

    @property
    def _reads_without_gradient(self) -> bool:
        """Whether a step may read weights where no gradient flows.

        As passes of a method's own and penalties of detached weights do.
        """

    def _check_heads(self) -> None:
        """Raises if alignments cannot move the heads as they are now."""

    def _look_at_heads(self) -> None:
        """Looks, once a training, at what the heads of a built model compute."""

    def __call__(
        self, inputs: Tensor, training: bool, return_features: bool = False
    ) -> Any:
        """Logits (B, K); with `return_features`, `(features, outputs)`.

        The class means are those of `features` (B, d); `outputs`, logits or what else a
        method needs, go to `compute_loss` and `compute_metrics` as `y_pred`.
        """

    def compute_loss(
        self,
        x: Any,
        y: Any,
        y_pred: Any,
        sample_weight: Any,
        training: bool,
        statistics: ClassStatistics | None = None,
    ) -> Tensor:
        """The loss, penalties included; `statistics` defaults to those stored."""

    def compute_metrics(
        self,
        x: Any,
        y: Any,
        y_pred: Any,
        sample_weight: Any,
        statistics: ClassStatistics | None = None,
    ) -> dict[str, Any]:
        """The logs, `alignment` included; `statistics` defaults to those stored."""

    def make_train_function(self, force: bool = False) -> Any: ...

    def make_test_function(self, force: bool = False) -> Any: ...

    train_function: Any
    test_function: Any
    loss: Any
    optimizer: keras.optimizers.Optimizer
    trainable_variables: list[keras.Variable]
    non_trainable_variables: list[keras.Variable]
    metrics_variables: list[keras.Variable]
