import numpy as np

from keras_spa import _arrays, _checks, _label_checks
from keras_spa._types import Array, Labels
from keras_spa.data._labels import as_list


def long_tail_counts(
    num_classes: int, max_count: int, imbalance_factor: float, profile: str = "exp"
) -> Array:
    """Training images a class of a long-tailed subset, head class first.

    `"exp"`: `n_c = int(n_max · IF^(−c/(K−1)))`; `"step"`: n_max for the first half of
    the classes, `int(n_max / IF)` for the others.

    Args:
        num_classes: K, at least 2.
        max_count: n_max, images of the most frequent class.
        imbalance_factor: IF, most frequent over least frequent class, at least 1.
        profile: `"exp"` (default) or `"step"`.

    Returns:
        int64 array (K,).

    Raises:
        ValueError: arguments out of range, or a class would get no image.

    Example:

    >>> from keras_spa.data import long_tail_counts
    >>> long_tail_counts(10, 5000, 100).sum().item()  # CIFAR-10-LT, IF 100
    12406

    Reference: Cui et al. (CVPR 2019), "Class-Balanced Loss Based on Effective Number
    of Samples" (exp); Buda et al. (2018) (step).
    """
    num_classes = _checks.integer("num_classes", num_classes, 2)
    max_count = _checks.integer("max_count", max_count, 1)
    _checks.number("imbalance_factor", imbalance_factor, 1)
    _checks.choice("profile", profile, ("exp", "step"))
    c = np.arange(num_classes)
    if profile == "exp":
        # 1e-9 keeps whole numbers whole: 500·(1/10)^1 must not round down to 49.
        shares = imbalance_factor ** (-c / (num_classes - 1))
    else:
        shares = np.where(c < num_classes // 2, 1.0, 1 / imbalance_factor)
    counts = np.floor(max_count * shares + 1e-9).astype("int64")
    if counts.min() < 1:
        raise ValueError(
            "Argument `max_count` must leave each class at least one image: at "
            f"imbalance factor {imbalance_factor}, max_count >= {imbalance_factor}. "
            f"Received: max_count={max_count}"
        )
    return counts


def long_tail_indices(
    labels: Labels, counts: Array, seed: int = 0, order: str = "shuffle"
) -> Array:
    """Which samples make up the long-tailed subset, class after class.

    The community's rule (LDAM-DRW and its followers): with
    `numpy.random.RandomState(seed)`, for each class in label order shuffle its
    indices, keep the first n_c.

    Args:
        labels: integers (N,) or (N, 1) in 0..K−1, in the data set's official order.
        counts: n_c, K non-negative integers, or a dict, Counter or pandas Series of
            them whose keys are the classes 0..K−1.
        seed: Seed of the draw; 0 is the community's subset.
        order: `"shuffle"` (default) or `"file"`: the first n_c of each class.

    Returns:
        int64 array (sum of counts,) of positions in `labels`.

    Raises:
        ValueError: labels out of range, or a class with fewer samples than its count.

    Example:

    >>> from keras_spa.data import long_tail_indices
    >>> long_tail_indices([0, 1, 0, 1, 0], [2, 1], order="file").tolist()
    [0, 2, 1]

    Reference: Cao et al. (NeurIPS 2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss".
    """
    labels, counts = (
        as_list(labels),
        _arrays.array("counts", _checks.by_class("counts", counts)),
    )
    _checks.choice("order", order, ("shuffle", "file"))
    seed = _checks.seed("seed", seed)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            "Argument `labels` must be a list of integers. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or np.any(counts < 0):
        raise ValueError(
            "Argument `counts` must be a list of non-negative integers. "
            f"Received: counts={counts}"
        )
    _label_checks.check(labels, len(counts))
    available = np.bincount(labels, minlength=len(counts))
    if np.any(available < counts):
        short = np.flatnonzero(available < counts)
        numbers = ", ".join(
            f"class {c}: {counts[c]} wanted of {available[c]}" for c in short[:5]
        )
        raise ValueError(
            "Argument `counts` must not exceed the samples of any class. "
            f"Received {numbers}"
        )
    random = np.random.RandomState(seed)
    kept = []
    for c, count in enumerate(counts):
        indices = np.flatnonzero(labels == c)
        if order == "shuffle":
            random.shuffle(indices)
        kept.append(indices[:count])
    return np.concatenate(kept)
