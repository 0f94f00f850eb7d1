from collections.abc import Sequence
from typing import Any

import keras

from keras_spa import _checks
from keras_spa._types import Array
from keras_spa.callbacks._class_weights import ClassWeights
from keras_spa.losses.effective_number import check_beta, effective_number_weights


class DeferredReweighting(keras.callbacks.Callback):
    """Weigh the training loss by class, from an epoch on (DRW).

    Before `epoch` all samples count alike, so that features are learnt from all
    images. From then on a sample of class c counts `w_c ∝ (1−β) / (1−β^n_c)`, its
    class's effective-number weight, re-normalised by those of its batch: the loss ℓ of
    a global batch of B samples becomes

        Σ_i w_i·ℓ_i / Σ_i w_i    instead of    Σ_i ℓ_i / B

    so that batches weigh as much as before. With sample weights s it becomes
    `(Σ s / B) · Σ s·w·ℓ / Σ s·w`: samples of weight 0, such as padding, do not count
    in the sums, and twice the weights are twice the loss. Whatever its reduction, the
    loss is given `s·w·(Σ s / Σ s·w)` in place of s. Learning rates usually fall at the
    same epoch, see `keras.optimizers.schedules.PiecewiseConstantDecay`.

    It works with any loss and any compiled Keras model, `SpAModel` or not, that has one
    tensor of labels; a `train_step` of its own must take its loss from
    `compute_loss`. Soft labels weigh `Σ_c y_c·w_c`. Validation loss, metrics and class
    means are not weighted. Nothing is compiled anew at `epoch`, and `fit` leaves the
    model as it was.

    Args:
        epoch: The first weighted epoch, counted from 0 as in Keras.
        class_counts: n, the training images of each class, K positive numbers.
            Defaults to the `class_counts` of the model's loss, if it has them.
        beta: β, in [0, 1). Defaults to 0.9999.

    Attributes:
        class_weights: w, float64 array (K,), scaled to sum to K.

    Raises:
        ValueError: `epoch` negative, counts that are not positive, β out of range; in
            `fit`, no counts given or found, labels or logits for another number of
            classes, several tensors of labels, or a model that hides its metrics.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> x, y = np.random.rand(40, 8), np.repeat([0, 1], [36, 4])
    >>> drw = spa.callbacks.DeferredReweighting(epoch=2, class_counts=[36, 4])
    >>> history = model.fit(x, y, epochs=3, callbacks=[drw], verbose=0)
    >>> print([round(float(weight), 2) for weight in drw.class_weights])
    [0.2, 1.8]

    Reference: Cao et al. (NeurIPS 2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss", algorithm 1, whose second phase re-normalises
    the weights in each batch; the weights are those of Cui et al. (CVPR 2019),
    "Class-Balanced Loss Based on Effective Number of Samples". Sample weights are ours.
    """

    def __init__(
        self,
        epoch: int,
        class_counts: Sequence[float] | None = None,
        beta: float = 0.9999,
    ) -> None:
        super().__init__()
        self.epoch = _checks.integer("epoch", epoch, 0)
        self.beta = check_beta(beta)
        if class_counts is not None:
            class_counts = _checks.class_counts(class_counts)
        self.class_counts = class_counts
        self._state: Any = None  # what the model reads, as long as `fit` runs
        self._weighs = False

    @property
    def class_weights(self) -> Array:
        counts = self.class_counts
        if counts is None and self.model is not None:
            counts = getattr(_checks.only(self.model.loss), "class_counts", None)
        if counts is None:
            raise ValueError(
                "Argument `class_counts` must be given where the model's loss has no "
                "`class_counts`. Received: class_counts=None"
            )
        return effective_number_weights(counts, self.beta)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._state = ClassWeights(len(self.class_weights))
        self._state.attach(self.model)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._weighs = epoch >= self.epoch
        if self._weighs:
            self._state.assign(self.class_weights)

    def on_train_batch_begin(
        self, batch: int, logs: dict[str, Any] | None = None
    ) -> None:
        if self._weighs and self._state.was_reset:  # by an evaluation amid the epoch
            self._state.assign(self.class_weights)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._state.detach()
        self._state = None
