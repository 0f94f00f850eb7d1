import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, ClassCounts


def check_beta(beta: float) -> float:
    """β as a float, if it is in [0, 1)."""
    if _checks.number("beta", beta, 0, 1) == 1:
        raise ValueError(
            f"Argument `beta` must be below 1; close to 1, such as 0.9999, the weights "
            f"are inverse to the counts. Received: beta={beta!r}"
        )
    return float(beta)


def effective_number_weights(class_counts: ClassCounts, beta: float) -> Array:
    """Class weights by the effective number of images, (K,) float64 that sum to K.

    `(1−β) / (1−β^n_c)`, normalised. β = 0 weighs all classes alike; as β → 1 the
    weights become inverse to the counts.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        beta: β, in [0, 1).

    Raises:
        ValueError: counts that are not positive, β out of range.

    Reference: Cui et al. (CVPR 2019), "Class-Balanced Loss Based on Effective Number
    of Samples", sections 3 and 4.
    """
    counts = np.asarray(_checks.class_counts(class_counts), "float64")
    with np.errstate(divide="ignore"):  # β = 0: log β = −∞, and 1 − β^n = 1
        weights = 1 / -np.expm1(counts * np.log(check_beta(beta)))
    return weights * len(counts) / np.sum(weights)
