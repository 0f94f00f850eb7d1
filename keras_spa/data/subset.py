"""The long-tailed subset: which images of a pool train, and which are held out."""

import bisect
import dataclasses
import math
from typing import NamedTuple, cast

import numpy as np

from keras_spa._types import Array
from keras_spa.data.long_tail import long_tail_counts, long_tail_indices
from keras_spa.data.long_tailed_data import LongTailedData

HELD_OUT_MOST = 50  # of a class: enough to tell its accuracy to 7 points


class Rule(NamedTuple):
    """The arguments of `load` that say how the subset is drawn.

    Args:
        imbalance_factor: IF, at least 1, or None: all images.
        profile: `"exp"` or `"step"`.
        max_count: n_max, or None: the images of the largest class.
        seed: Seed of the draw.
        order: `"shuffle"` or `"file"`.
        validation_per_class: Images of each class to hold out.
        held_out: Share of each class to hold out. Defaults to 0.
    """

    imbalance_factor: float | None
    profile: str
    max_count: int | None
    seed: int
    order: str
    validation_per_class: int
    held_out: float = 0.0

    def held_out_counts(self, available: Array) -> Array:
        """Images to hold out of each class (K,), of those `available` (K,).

        A share of a class is at least one image, at most 50, and never more than half
        of the class.
        """
        if not self.held_out:
            return np.full(len(available), self.validation_per_class)
        share = np.rint(self.held_out * available).astype("int64")
        return np.minimum(np.clip(share, 1, HELD_OUT_MOST), available // 2)


def subset_of(pool: LongTailedData, rule: Rule) -> LongTailedData:
    """The data set whose training images, and those held out, `draw` takes of a pool.

    Args:
        pool: `LongTailedData`, in its official order.
        rule: A `Rule`, whose values `load` has checked.
    """
    train, validation, origin = draw(pool.train.labels, pool.num_classes, rule)
    return dataclasses.replace(
        pool,
        train=pool.train.take(train),
        validation=(
            pool.validation if validation is None else pool.train.take(validation)
        ),
        validation_source=origin or pool.validation_source,
    )


def draw(
    labels: Array, num_classes: int, rule: Rule
) -> tuple[Array, Array | None, str | None]:
    """Draws the training subset, and a validation slice that does not touch it.

    Each class stands in its drawn order (shuffled by the seed, or as in the file): its
    first n_c images are for training, its last `held_out_counts` for validation.
    So the training images are the community's subset wherever n_c leaves enough over;
    otherwise, with fewer images of each class, a part of it.

    Args:
        labels: integers (N,) in 0..K−1, of the pool in its official order.
        num_classes: K.
        rule: A `Rule`, whose values `load` has checked.

    Returns:
        `(train, validation, source)`: positions in `labels`, int64, the second None
        without validation; and the `validation_source` of `LongTailedData`.

    Raises:
        ValueError: a class with fewer images than asked for; the message says what
            would fit.

    Example:

    >>> import numpy as np
    >>> from keras_spa.data.subset import Rule, draw
    >>> rule = Rule(2, "exp", None, 0, "file", validation_per_class=1)
    >>> train, validation, source = draw(np.array([0, 0, 0, 0, 1, 1, 1]), 2, rule)
    >>> train.tolist(), validation.tolist(), source
    ([0, 1, 2, 4], [3, 6], 'training')

    Reference: Cao et al. (NeurIPS 2019), "Learning Imbalanced Datasets with
    Label-Distribution-Aware Margin Loss" (the subset); the validation slice is ours.
    """
    available = np.bincount(labels, minlength=num_classes)
    held_out = rule.held_out_counts(available)
    if np.any(available <= held_out):
        c = int(available.argmin())
        raise ValueError(
            "Argument `validation_per_class` must leave each class at least one "
            f"image. Received: validation_per_class={held_out[c]}; class {c} has "
            f"{available[c]}"
        )
    counts, source = _counts(available, available - held_out, rule)
    train = long_tail_indices(labels, counts, rule.seed, rule.order)
    if rule.imbalance_factor is None:
        train = np.sort(train)  # all that is left, as it stands in the file
    if not held_out.any():
        return train, None, None
    every = long_tail_indices(labels, available, rule.seed, rule.order)
    ends = np.cumsum(available)
    last = [every[end - n : end] for end, n in zip(ends, held_out, strict=True)]
    return train, np.concatenate(last), source


def _counts(available: Array, left: Array, rule: Rule) -> tuple[Array, str]:
    """Training images a class, and whether they had to make room for validation."""
    if rule.imbalance_factor is None:
        return left, "training"
    largest = rule.max_count or int(available.max())
    room = available if rule.max_count is None else left
    counts = long_tail_counts(len(left), largest, rule.imbalance_factor, rule.profile)
    if np.any(counts > room):
        raise ValueError(_too_many(counts, room, largest, rule))
    if np.all(counts <= left):
        return counts, "unused"
    reduced = _largest_count(left, largest, rule)
    if not reduced:
        raise ValueError(_too_many(counts, left, largest, rule))
    counts = long_tail_counts(len(left), reduced, rule.imbalance_factor, rule.profile)
    return counts, "training"


def _fits(room: Array, largest: int, factor: float, profile: str) -> bool:
    counts = long_tail_counts(len(room), largest, factor, profile)
    return bool(np.all(counts <= room))


def _largest_count(room: Array, limit: int, rule: Rule) -> int:
    """The largest `max_count` up to `limit` that the classes can give; 0 if none."""
    factor, profile = cast(float, rule.imbalance_factor), rule.profile
    candidates = range(math.ceil(factor), limit + 1)
    fitting = bisect.bisect_left(
        candidates, True, key=lambda n: not _fits(room, n, factor, profile)
    )
    return candidates[fitting - 1] if fitting else 0


def _smallest_factor(room: Array, largest: int, rule: Rule) -> int:
    """The smallest whole imbalance factor that the classes can give; 0 if none."""
    candidates = range(math.ceil(cast(float, rule.imbalance_factor)), largest + 1)
    first = bisect.bisect_left(
        candidates, True, key=lambda f: _fits(room, largest, f, rule.profile)
    )
    return candidates[first] if first < len(candidates) else 0


def _too_many(counts: Array, room: Array, largest: int, rule: Rule) -> str:
    short = np.flatnonzero(counts > room)
    numbers = ", ".join(f"class {c}: {counts[c]} of {room[c]}" for c in short[:5])
    held_out = rule.held_out or rule.validation_per_class
    kept = f" (after {held_out} of each class for validation)" if held_out else ""
    factor = _smallest_factor(room, largest, rule)
    count = _largest_count(room, largest, rule)
    fitting = [
        f"imbalance_factor >= {factor} with max_count={largest}" if factor else "",
        f"max_count <= {count} with imbalance_factor={rule.imbalance_factor}"
        if count
        else "",
    ]
    hint = (
        " or ".join(filter(None, fitting))
        or "a smaller imbalance_factor or validation_per_class"
    )
    return (
        f"imbalance_factor={rule.imbalance_factor} with max_count={largest} asks "
        f"{len(short)} of {len(room)} classes for more images than they have: "
        f"{numbers}{kept}. What fits: {hint}"
    )
