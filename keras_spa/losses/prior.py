import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, ClassCounts


def log_prior(class_counts: ClassCounts) -> Array:
    """Logarithm of each class's share of the training images.

    `log π_c` with `π_c = n_c / Σ n`. Adding τ times it to the logits in training, or
    subtracting it afterwards, is logit adjustment: `LogitAdjusted`, `adjust_logits`.

    Args:
        class_counts: n, the training images of each class, K positive numbers.

    Returns:
        float64 NumPy array (K,), all values below 0; their exponentials sum to 1.

    Raises:
        ValueError: counts that are not positive, or fewer than 2.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> print(np.exp(spa.losses.log_prior([900, 100])).round(3))
    [0.9 0.1]

    Reference: Menon et al. (ICLR 2021), "Long-Tail Learning via Logit Adjustment",
    section 4.
    """
    counts = np.asarray(_checks.class_counts(class_counts), "float64")
    return np.log(counts) - np.log(np.sum(counts))
