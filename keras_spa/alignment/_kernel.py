"""What alignments do to a Keras kernel (d, K), whose columns are their rows."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_spa import _arrays, distribute
from keras_spa._types import Tensor
from keras_spa.alignment.base import Alignment
from keras_spa.alignment.spa_proj import SpAProj
from keras_spa.alignment.spa_reg import SpAReg
from keras_spa.alignment.spa_slerp import SpASLERP
from keras_spa.class_statistics import ClassStatistics

# The argument `alignment` of a model or a layer.
Alignments: TypeAlias = Alignment | str | Sequence[Alignment | str] | None
BY_NAME = {"spa_reg": SpAReg, "spa_slerp": SpASLERP, "spa_proj": SpAProj}
# Whether hooks may take a kernel as it lies. Sums over columns are slow on JAX, whose
# XLA goes through each of them by itself on CPUs.
COLUMNS = keras.backend.backend() != "jax"


def as_list(alignment: Alignments) -> list[Alignment]:
    """The argument `alignment` of a model or a layer, as a list of `Alignment`."""
    if alignment is None:
        return []
    given: Any = alignment if isinstance(alignment, (list, tuple)) else [alignment]
    alignments = [
        BY_NAME[one]() if isinstance(one, str) and one in BY_NAME else one
        for one in given
    ]
    for one in alignments:
        if not isinstance(one, Alignment):
            raise ValueError(
                "Argument `alignment` must be a keras_spa.Alignment, one of "
                f"{', '.join(map(repr, BY_NAME))}, a list of these or None. "
                f"Received: {one!r}"
            )
        if getattr(one, "class_means", None) is not None:
            raise ValueError(
                "Argument `alignment` must come without `class_means`: a SpAModel or "
                f"SpADense has class means of its own. Received: {one!r}"
            )
    return alignments


def acting(alignments: Sequence[Alignment], hook: str) -> list[Alignment]:
    """The alignments that override this hook."""
    return [
        alignment
        for alignment in alignments
        if getattr(type(alignment), hook) is not getattr(Alignment, hook)
    ]


def _takes_columns(hook: Callable[..., Any]) -> bool:
    return COLUMNS and "axis" in inspect.signature(hook).parameters


def call_hook(hook: Callable[..., Any], arrays: Sequence[Tensor], *others: Any) -> Any:
    """What a hook says of arrays (d, K), given as they lie if it takes an `axis`.

    Any other hook gets their transposes, rows (K, d).
    """
    columns = [ops.cast(array, "float32") for array in arrays]
    if _takes_columns(hook):
        return hook(*columns, *others, axis=0)
    return hook(*map(_arrays.transposed, columns), *others)


def edited(hook: Callable[..., Any], arrays: Sequence[Tensor], *others: Any) -> Tensor:
    """`call_hook` of one that returns such an array, as (d, K)."""
    result = call_hook(hook, arrays, *others)
    return result if _takes_columns(hook) else ops.transpose(result)


def project_gradient(
    alignments: Sequence[Alignment],
    gradient: Tensor,
    kernel: Tensor,
    statistics: ClassStatistics,
) -> Tensor:
    """The edited gradient (d, K) of the kernel, given that of this replica's loss.

    Each replica returns its share of the edited global gradient: optimizers sum them.
    """
    gradient = distribute.global_sum(gradient)
    for alignment in acting(alignments, "project_gradient"):
        arrays = gradient, kernel
        gradient = edited(alignment.project_gradient, arrays, statistics)
    if distribute.num_replicas() > 1:
        gradient = gradient / distribute.num_replicas()
    return ops.cast(gradient, kernel.dtype)


def update_classifier(
    alignments: Sequence[Alignment],
    kernel: keras.Variable,
    bias: keras.Variable | None,
    statistics: ClassStatistics,
    step: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Kernel (d, K) and bias (K,) to go on with after optimizer step number `step`."""
    weights = ops.cast(kernel, "float32")
    biases = None if bias is None else ops.cast(bias, "float32")
    for alignment in acting(alignments, "update_weights"):
        before = weights
        weights = edited(alignment.update_weights, [before], statistics, step)
        if biases is not None:
            update_biases = functools.partial(alignment.update_biases, biases)
            biases = call_hook(update_biases, [before, weights], statistics)
    return weights, biases


def keep_covariance(class_means: Any, alignments: Sequence[Alignment]) -> None:
    """Has a `ClassMeans` keep the covariance if one of the alignments asks for it."""
    if class_means is not None and any(one.needs_covariance for one in alignments):
        class_means.keep_covariance()
