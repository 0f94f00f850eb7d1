from typing import Any

import keras
from keras import ops

from keras_spa import _checks, geometry
from keras_spa._types import Tensor
from keras_spa.class_statistics import ClassStatistics


@keras.saving.register_keras_serializable(package="keras_spa")
class AlignmentCosine(keras.metrics.Mean):
    """Mean cosine between classifier weights and centred class means.

    `mean over seen c of ŵ_c·μ̂_c`, averaged over the updates since the last reset.
    1 is perfect alignment (self-duality, NC3), 0 none, negative is misalignment.
    NaN as long as no class has been seen.

    `SpAModel` logs it as `alignment`: in training the mean over the epoch's steps, in
    evaluation the value of the model as it stands, towards the means of the training
    features.

    Args:
        center: Whether to subtract the mean of the seen classes' means first.
            Defaults to True.
        name: Defaults to `"alignment"`.
        dtype: As in every Keras metric.

    Raises:
        ValueError: `center` not a boolean.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> metric = spa.metrics.AlignmentCosine(center=False)
    >>> means, seen = np.array([[3.0, 0], [1, 0]]), np.ones(2)
    >>> metric.update_state(np.eye(2), spa.ClassStatistics(means, seen))
    >>> print(float(metric.result()))
    0.5

    Reference: NC3 of Papyan, Han and Donoho (2020), "Prevalence of neural collapse".
    """

    def __init__(
        self, center: bool = True, name: str = "alignment", dtype: Any = None
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.center = _checks.choice("center", center, (True, False))

    def update_state(
        self,
        weights: Tensor,
        statistics: ClassStatistics,
        sample_weight: None = None,
        axis: int = -1,
    ) -> None:
        """`weights` (K, d), and the `ClassStatistics` of the features.

        With `axis=0` the weights are a Keras kernel, (d, K).
        """
        if not isinstance(statistics, ClassStatistics) or sample_weight is not None:
            raise ValueError(
                "AlignmentCosine compares weights with `ClassStatistics`, and has no "
                "place among the `metrics` of `compile`, which compare labels with "
                "predictions: a SpAModel logs `alignment` by itself. "
                f"Received: statistics of type {type(statistics).__name__}"
            )
        seen = statistics.seen
        cosines = statistics.cosines(weights, self.center, axis)
        any_seen = ops.max(ops.cast(seen, "float32"))
        super().update_state(
            geometry.mean_over_seen(cosines, seen), sample_weight=any_seen
        )

    def result(self) -> Tensor:
        return ops.where(self.count > 0, super().result(), float("nan"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "center": self.center}
