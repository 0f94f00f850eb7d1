from collections.abc import Iterable

import numpy as np
from keras import ops

from keras_spa import _arrays
from keras_spa._types import Array
from keras_spa.alignment import Alignment
from keras_spa.class_statistics import ClassStatistics
from keras_spa.metrics.per_class import within_class_covariance


def aligned_classifier(
    alignment: Alignment,
    weights: Array,
    biases: Array | None,
    means: Array,
    counts: Array,
    observed: Iterable[tuple[Array, ...]] | None = None,
) -> tuple[Array, Array | None]:
    """A classifier after one update by an alignment, with exact class statistics.

    Args:
        alignment: An `Alignment` that updates weights.
        weights: W (K, d), row c the weight of class c.
        biases: b (K,), or None for a classifier without.
        means: M (K, d), row c the mean feature of class c.
        counts: Images of each class (K,); 0 for classes to leave alone.
        observed: Features and labels, as `observe` yields them, for the covariance that
            an alignment in the metric of the noise needs.

    Returns:
        `(weights, biases)`: NumPy arrays (K, d) and (K,), or None.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> weights, means = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> slerp = spa.SpASLERP.paper(0.5)
    >>> turned, _ = spa.trained.aligned_classifier(
    ...     slerp, weights, None, means, np.array([9])
    ... )
    >>> turned.round(3)
    array([[1.414, 1.414]], dtype=float32)

    Reference: ours.
    """
    if not isinstance(alignment, Alignment):
        raise ValueError(
            "Argument `alignment` must be a keras_spa.Alignment. "
            f"Received: alignment={alignment!r}"
        )
    weights = _arrays.array("weights", weights, "(K, d)")
    means = _arrays.array("means", means, "(K, d)")
    counts = _arrays.array("counts", counts, "(K,)")
    finite = all(np.isfinite(known).all() for known in (weights, means))
    if weights.shape != means.shape or means.ndim != 2 or not finite:
        raise ValueError(
            "Arguments `weights` and `means` must be finite, of one shape (K, d). "
            f"Received: weights.shape={weights.shape}, means.shape={means.shape}"
        )
    if counts.shape != means.shape[:1] or not np.all(counts >= 0):
        raise ValueError(
            "Argument `counts` must be the images of each of the classes. "
            f"Received: counts.shape={counts.shape}, means.shape={means.shape}"
        )
    arrays = [weights, means, np.asarray(counts) > 0]
    if observed is not None:
        arrays += [within_class_covariance(observed, means, counts), np.array(1.0)]
    before, *parts = (ops.convert_to_tensor(np.asarray(a, "float32")) for a in arrays)
    statistics = ClassStatistics(*parts)
    after = alignment.update_weights(before, statistics, step=0)
    if biases is not None:
        biases = _arrays.array("biases", biases, "(K,)")
        if biases.shape != counts.shape:
            raise ValueError(
                f"Argument `biases` must have shape {counts.shape}. "
                f"Received: biases.shape={biases.shape}"
            )
        old = ops.convert_to_tensor(np.asarray(biases, "float32"))
        biases = ops.convert_to_numpy(
            alignment.update_biases(old, before, after, statistics)
        )
    return ops.convert_to_numpy(after), biases
