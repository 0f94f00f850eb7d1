"""DATA of the command line."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import keras_spa as spa
from keras_spa.data.load import fault, verified
from keras_spa.data.subset import Rule, subset_of

NAMED = 5  # files or classes in a line


def load(arguments: Any, held_out: float | None = None) -> spa.data.LongTailedData:
    """All of DATA, every file looked at; of its training images a share held out.

    Args:
        arguments: With `kind`, `data`, `skip_corrupt` and, if anything is held out,
            `seed`.
        held_out: Share to hold out, None: 0.1 where DATA have no validation images.

    Raises:
        ValueError: damaged files, unless they are to be skipped; validation images
            and a share to hold out.
    """
    pool = spa.data.load(f"{arguments.kind}:{arguments.data.absolute()}")
    if arguments.kind != "npz":
        pool = _whole(pool, arguments.skip_corrupt)
    if held_out is None:
        held_out = 0.1 if pool.validation is None else 0.0
    if not held_out:
        return pool
    if pool.validation is not None:
        raise ValueError(
            f"--held_out must be 0 for {arguments.data}, which has validation images"
        )
    return subset_of(
        pool, Rule(None, "exp", None, arguments.seed, "shuffle", 0, held_out)
    )


def _whole(pool: spa.data.LongTailedData, skip: bool) -> spa.data.LongTailedData:
    """The pool without its damaged files, if they may be skipped."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            kept = verified(pool, "skip", verbose=sys.stdout.isatty())
        except ValueError as error:  # a class lost all of its files
            raise ValueError(f"{told[0].message}. {error}" if told else error) from None
    if not kept.skipped:
        return kept
    total = sum(len(split.labels) for split in pool.splits().values())
    line = f"{len(kept.skipped)} of {total} image files are {fault(kept.skipped)}: "
    line += names(kept.skipped)
    if not skip:
        raise ValueError(f"{line}. --skip_corrupt leaves them out")
    print(f"keras-spa: {line}; left out", file=sys.stderr, flush=True)
    return kept


def names(strings: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(strings) - NAMED
    return ", ".join(strings[:NAMED]) + (f" and {more} more" if more > 0 else "")


def never_held_out(data: spa.data.LongTailedData) -> list[str]:
    """Names of the classes without a validation image."""
    if data.validation is None:
        return []
    counts = np.bincount(data.validation.labels, minlength=data.num_classes)
    return [data.class_names[c] for c in np.flatnonzero(counts == 0)]
