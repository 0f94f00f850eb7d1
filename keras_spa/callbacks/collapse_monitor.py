import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_spa import _checks
from keras_spa.trained._passes import check_repeatable
from keras_spa.trained.collapse_report import CollapseReport
from keras_spa.trained.diagnose import diagnose
from keras_spa.trained.observe import Observer


class CollapseMonitor(keras.callbacks.Callback):
    """Diagnoses the model every few epochs of `fit` and logs what it finds.

    At the end of the first epoch, of every `every`-th from there and of the last one,
    `diagnose` looks at `dataset`; its measures enter the logs as `nc1`, `nc3_cosine`,
    `noise_cosine` and so on (see `metrics.NeuralCollapse`), NaN in epochs in
    between. An epoch is the last also if a callback before this one, such as
    `EarlyStopping`, stops training in it. Whatever reads logs records them: the
    `History` that `fit` returns, and `keras.callbacks.CSVLogger` and `TensorBoard` if
    they come after this callback.

    Args:
        dataset: What to look at, as in `diagnose`: training images, not augmented, for
            the collapse of training. Each look is a pass over it in inference mode, so
            a few thousand images serve better than all of a large data set.
        every: Epochs from one look to the next, at least 1. Defaults to 1.
        class_counts: n, training images of each class, as in `diagnose`.
        prefix: What the names in the logs begin with. Defaults to `""`.

    Attributes:
        reports: dict from epoch (from 0) to `CollapseReport`.

    Raises:
        ValueError: `every` below 1, a `dataset` that ends with its first pass, such as
            a generator, or what `diagnose` raises.

    Example:

    >>> import keras
    >>> import numpy as np
    >>> import keras_spa as spa
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    >>> x, y = np.random.rand(20, 4), np.arange(20) % 2
    >>> monitor = spa.callbacks.CollapseMonitor((x, y), every=2)
    >>> history = model.fit(x, y, epochs=3, callbacks=[monitor], verbose=0)
    >>> len(history.history["nc3_cosine"]), sorted(monitor.reports)
    (3, [0, 2])

    Reference: ours.
    """

    def __init__(
        self,
        dataset: Any,
        every: int = 1,
        class_counts: Sequence[float] | None = None,
        prefix: str = "",
    ) -> None:
        super().__init__()
        check_repeatable(dataset)
        self.dataset = dataset
        self.every = _checks.integer("every", every, 1)
        self.class_counts = class_counts
        if not isinstance(prefix, str):
            raise ValueError(
                f"Argument `prefix` must be a string. Received: prefix={prefix!r}"
            )
        self.prefix = prefix
        self.reports: dict[int, CollapseReport] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.reports = {}
        self._observer = Observer(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        last = epoch + 1 == self.params.get("epochs")
        last |= getattr(self.model, "stop_training", False)
        if last or (epoch - min(self.reports, default=epoch)) % self.every == 0:
            self.reports[epoch] = diagnose(
                self._observer, self.dataset, self.class_counts, verbose=0
            )
            measured = self.reports[epoch].metrics
        else:  # CSVLogger writes the columns of the first epoch, and needs them all
            measured = dict.fromkeys(self.reports[max(self.reports)].metrics, math.nan)
        if logs is not None:
            logs |= {self.prefix + name: value for name, value in measured.items()}
