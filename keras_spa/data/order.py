import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Labels

SAMPLINGS = ("instance", "class_balanced", "reverse")


def epoch_order(
    labels: Labels, epoch: int, seed: int = 0, sampling: str = "instance"
) -> Array:
    """Which samples an epoch trains on, one after the other.

    A function of `labels`, `seed` and `epoch` alone: the same on any machine, backend
    and version, and an interrupted training can go on at any epoch.

    - `"instance"`: every sample once, shuffled.
    - `"class_balanced"`: N draws, each class with probability 1/K.
    - `"reverse"`: N draws, class c with probability proportional to 1/n_c.

    The last two go through the samples of a class in shuffled rounds, so that none
    comes a second time before all others of its class came once.

    Args:
        labels: integers (N,) from 0.
        epoch: Number of the epoch, from 0.
        seed: Seed of the training. Defaults to 0.
        sampling: `"instance"` (default), `"class_balanced"` or `"reverse"`.

    Returns:
        int64 array (N,) of positions in `labels`.

    Raises:
        ValueError: an argument out of range, or labels that are not integers.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> labels = np.array([0] * 90 + [1] * 10)
    >>> order = spa.data.epoch_order(labels, epoch=3, sampling="class_balanced")
    >>> bool(35 <= np.sum(labels[order] == 1) <= 65)
    True

    Reference: Kang et al. (ICLR 2020), "Decoupling Representation and Classifier for
    Long-Tailed Recognition" (class-balanced); Zhou et al. (CVPR 2020), "BBN" (reverse).
    """
    labels = np.asarray(labels)
    _checks.integer("epoch", epoch, 0)
    _checks.integer("seed", seed, 0)
    _checks.choice("sampling", sampling, SAMPLINGS)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any(labels < 0):
        raise ValueError(
            "Argument `labels` must be a list of integers from 0. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    random = np.random.RandomState([seed, epoch])
    if sampling == "instance":
        return random.permutation(len(labels))
    present, label_ranks, counts = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    weights = 1 / counts if sampling == "reverse" else np.ones(len(counts))
    draws = random.choice(len(present), len(labels), p=weights / weights.sum())
    order = np.empty(len(labels), "int64")
    for c, count in enumerate(counts):
        members, places = np.flatnonzero(label_ranks == c), np.flatnonzero(draws == c)
        rounds = -(-len(places) // count)
        shuffled = [random.permutation(members) for _ in range(rounds)]
        if shuffled:
            order[places] = np.concatenate(shuffled)[: len(places)]
    return order
