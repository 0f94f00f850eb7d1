import math

from keras import ops

from keras_spa import _arrays, _checks, geometry
from keras_spa._types import Tensor


def transport_cost(
    features: Tensor, targets: Tensor, epsilon: float = 1.0, iterations: int = 10
) -> Tensor:
    """What it costs to move the directions of features onto those of targets.

    `Σ_ij π_ij·C_ij` with `C_ij = 1 − cos(h_i, t_j)` and π the entropic optimal plan
    between B features of mass 1/B and K targets of mass 1/K,

    `π = argmin ⟨π, C⟩ − ε·H(π)` over `Σ_j π_ij = 1/B`, `Σ_i π_ij = 1/K`.

    Sinkhorn's iterations find it, on logarithms: `π_ij = exp((u_i + v_j − C_ij)/ε)`,
    u and v in turn such that rows and columns have their masses. The gradient goes
    through all of them. Which feature goes to which target is left to the plan.

    Args:
        features: h, float tensor (B, d).
        targets: t, float tensor (K, d).
        epsilon: ε, positive. Defaults to 1. The smaller, the fewer targets each
            feature is moved to, and the more iterations it takes.
        iterations: At least 1. Defaults to 10, which for ε = 1 is exact in float32;
            ε = 0.1 may take 100.

    Returns:
        float32 scalar, between 0 and 2.

    Raises:
        ValueError: tensors of other shapes, `epsilon` or `iterations` out of range.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> etf = spa.theory.simplex_etf(3, 2)
    >>> even, apart = etf[[0, 1, 2]], etf[[0, 0, 0]]
    >>> costs = [spa.losses.transport_cost(h, etf, 0.1) for h in (even, apart)]
    >>> print([round(float(cost), 3) for cost in costs])
    [0.0, 1.0]

    Reference: Cuturi (NeurIPS 2013), "Sinkhorn Distances: Lightspeed Computation of
    Optimal Transport"; as a loss of features in Gao et al. (ICML 2024; `layers.DisA`).
    """
    epsilon = _checks.positive("epsilon", epsilon)
    iterations = _checks.integer("iterations", iterations, 1)
    features = _arrays.tensor("features", features, "(B, d)")
    targets = _arrays.tensor("targets", targets, "(K, d)")
    for name, tensor in (("features", features), ("targets", targets)):
        if (
            len(tensor.shape) != 2
            or tuple(tensor.shape)[1:] != tuple(targets.shape)[-1:]
        ):
            raise ValueError(
                f"Argument `{name}` must have shape (…, d), with the d of the targets. "
                f"Received: {name}.shape={tuple(tensor.shape)}, "
                f"targets.shape={tuple(targets.shape)}"
            )
    if targets.shape[0] == 0:
        raise ValueError("Argument `targets` must hold a target. Received: none")
    cosines = ops.matmul(geometry.unit(features), ops.transpose(geometry.unit(targets)))
    cost = 1 - cosines
    rows = -ops.log(ops.cast(ops.shape(features)[0], "float32"))  # log 1/B
    columns = -math.log(targets.shape[0])
    v = ops.zeros_like(cost[:1])
    for _ in range(iterations):
        u = epsilon * (rows - ops.logsumexp((v - cost) / epsilon, 1, keepdims=True))
        v = epsilon * (columns - ops.logsumexp((u - cost) / epsilon, 0, keepdims=True))
    plan = ops.exp((u + v - cost) / epsilon)
    return ops.sum(plan * cost)
