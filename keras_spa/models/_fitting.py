import functools
import warnings
from typing import TYPE_CHECKING, Any

import keras

from keras_spa import _checks
from keras_spa.models import _shapes

if TYPE_CHECKING:
    from keras_spa.models._train_step.base import StepParts
else:
    StepParts = object


class Fitting(StepParts):
    """What a `SpAModel` looks at before it trains."""

    built: bool
    build: Any

    # With the signature of Keras', which help and notebooks show.
    @functools.wraps(keras.Model.fit, assigned=(), updated=())
    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """As in Keras; labels that are missing or out of range raise, and alignments
        without effect warn."""
        labels = y
        if y is None and isinstance(x, keras.utils.PyDataset):
            _, labels, _ = keras.utils.unpack_x_y_sample_weight(x[0])
            _checks.labels_given(labels)
        elif y is None and _are_arrays(x):
            _checks.labels_given(y)
        if y is not None and not self.built:
            self.build(keras.tree.map_structure(_shapes.batch_shape, x))
        if labels is not None and self.built:
            _checks.label_values_if_known(labels, self.class_means.num_classes)
        movers = self._acting("project_gradient") + self._acting("update_weights")
        if movers and self.built and not self.aligned_kernel.trainable:
            warnings.warn(
                "The classifier's kernel is not trainable, so it is not moved: "
                f"{movers} will have no effect.",
                stacklevel=2,
            )
        return super().fit(x, y, *args, **kwargs)  # type: ignore[misc]


def _are_arrays(x: Any) -> bool:
    """Whether `x` is arrays or tensors, and no source of batches."""
    parts = keras.tree.flatten(x)
    return bool(parts) and all(hasattr(part, "shape") for part in parts)
