import numpy as np

from keras_spa import _checks
from keras_spa._types import Array, Labels
from keras_spa.data._labels import as_list

SAMPLINGS = ("instance", "class_balanced", "reverse")
PARTNER = 2  # its stream of random numbers; 1 is that of augmentation


def epoch_order(
    labels: Labels,
    epoch: int,
    seed: int = 0,
    sampling: str | float = "instance",
    stream: int = 0,
) -> Array:
    """Which samples an epoch trains on, one after the other.

    A function of `labels`, `seed` and `epoch` alone: the same on any machine, backend
    and version, and an interrupted training can go on at any epoch.

    - `"instance"`: every sample once, shuffled.
    - `"class_balanced"`: N draws, each class with probability 1/K.
    - `"reverse"`: N draws, class c with probability proportional to 1/n_c.
    - a number r: N draws, class c with probability proportional to n_c^(1−r). 0 keeps
      the classes' shares, 1 is `"class_balanced"`, 2 `"reverse"`.

    All but the first go through the samples of a class in shuffled rounds, so that none
    comes a second time before all others of its class came once.

    Args:
        labels: integers (N,) or (N, 1) from 0.
        epoch: Number of the epoch, from 0.
        seed: Seed of the training. Defaults to 0.
        sampling: `"instance"` (default), `"class_balanced"`, `"reverse"` or r ≥ 0.
        stream: Number of the stream of random numbers: orders of other streams are
            independent of this one. Defaults to 0; that of partners is 2.

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
    labels = as_list(labels)
    epoch = _checks.integer("epoch", epoch, 0)
    seed = _checks.seed("seed", seed)
    stream = _checks.integer("stream", stream, 0)
    if isinstance(sampling, str):
        _checks.choice("sampling", sampling, SAMPLINGS)
    else:
        sampling = _checks.number("sampling", sampling, 0)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or np.any(labels < 0):
        raise ValueError(
            "Argument `labels` must be a list of integers from 0. "
            f"Received: shape {labels.shape}, dtype {labels.dtype}"
        )
    random = np.random.RandomState([seed, epoch, stream] if stream else [seed, epoch])
    if sampling == "instance" or not len(labels):
        return random.permutation(len(labels))
    present, label_ranks, counts = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    if isinstance(sampling, str):
        weights = 1 / counts if sampling == "reverse" else np.ones(len(counts))
    else:
        weights = (counts / counts.min()) ** (1 - sampling)  # of any size of r
    draws = random.choice(len(present), len(labels), p=weights / weights.sum())
    order = np.empty(len(labels), "int64")
    for c, count in enumerate(counts):
        members, places = np.flatnonzero(label_ranks == c), np.flatnonzero(draws == c)
        rounds = -(-len(places) // count)
        shuffled = [random.permutation(members) for _ in range(rounds)]
        if shuffled:
            order[places] = np.concatenate(shuffled)[: len(places)]
    return order
