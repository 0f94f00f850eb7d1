from keras import ops

from keras_spa import _arrays, _checks, _label_checks, geometry
from keras_spa._types import Labels, Tensor
from keras_spa.losses import _labels

LARGEST = 0.99999  # cosine whose angle still has a gradient


def inducing_collapse(
    features: Tensor,
    labels: Labels,
    centers: Tensor,
    compactness: float = 0.01,
    separation: float = 0.1,
    pairs: str = "closest",
) -> Tensor:
    """Draws features to a centre of their class, and the centres apart (INC).

    With n_c features of class c in the batch, centres μ_c, their mean μ_G and
    `c_cj = cos(μ_c − μ_G, μ_j − μ_G)`,

    `λ₁·(1/K) Σ_c (1/n_c) Σ_{i∈c} ‖h_i − μ_c‖² − λ₂·arccos max_{c≠j} c_cj`:

    all classes count alike, and the closest two centres are turned apart, which are
    farthest where they are a simplex ETF. With `pairs="each"` each centre is turned
    from its closest one, `−λ₂·(1/K) Σ_c arccos max_{j≠c} c_cj`. Cosines are cut off at
    ±0.99999.

    The centres are variables of the caller's, learnt with the network: through them
    alone does the second term reach the features. The authors divide the gradient of
    the centres by λ₁ and give it to an SGD of its own, of rate 0.5.

    Args:
        features: h, float tensor (B, d).
        labels: integers (B,) or (B, 1) in 0..K−1.
        centers: μ, float tensor (K, d), K at least 2.
        compactness: λ₁, at least 0. Defaults to 0.01.
        separation: λ₂, at least 0. Defaults to 0.1.
        pairs: `"closest"` (default) or `"each"`.

    Returns:
        float32 scalar.

    Raises:
        ValueError: tensors of other shapes, soft labels, labels out of range (where
            their values are known; NaN elsewhere), arguments out of range.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> centers, labels = spa.theory.simplex_etf(3, 2), np.array([0, 1, 1])
    >>> loss = spa.losses.inducing_collapse(centers[labels], labels, centers, 1.0, 1.0)
    >>> round(float(loss), 3)  # nothing to compact, and −120 degrees
    -2.094

    Reference: Liu et al. (AISTATS 2023), "Inducing Neural Collapse in Deep Long-tailed
    Learning", as in the authors' code (Pepper-lll/NCfeature), whose default on CIFAR is
    `"closest"`, and `"each"` on ImageNet-LT. It has a third form, which is not here.
    """
    compactness = _checks.number("compactness", compactness, 0)
    separation = _checks.number("separation", separation, 0)
    pairs = _checks.choice("pairs", pairs, ("closest", "each"))
    features = _arrays.tensor("features", features, "(B, d)")
    labels = _arrays.tensor("labels", labels, "(B,)")
    centers = _arrays.tensor("centers", centers, "(K, d)")
    if len(centers.shape) != 2 or centers.shape[0] < 2:
        raise ValueError(
            "Argument `centers` must have shape (K, d), K at least 2. "
            f"Received: centers.shape={tuple(centers.shape)}"
        )
    classes, units = centers.shape
    if len(features.shape) != 2 or features.shape[1] != units:
        raise ValueError(
            f"Argument `features` must have shape (B, {units}), as long as the "
            f"centers. Received: features.shape={tuple(features.shape)}, "
            f"centers.shape={tuple(centers.shape)}"
        )
    if _label_checks.kind(labels, classes) != "integer":
        raise ValueError(
            "Argument `labels` must be integers. "
            f"Received: labels.shape={tuple(labels.shape)}"
        )
    _arrays.of_one_length("labels", labels, "features", features)
    _label_checks.check_if_known(labels, classes)
    features, centers = ops.cast(features, "float32"), ops.cast(centers, "float32")
    own = ops.reshape(ops.cast(labels, "int32"), (-1,))
    distances = ops.sum(ops.square(features - ops.take(centers, own, axis=0)), axis=1)
    distances = _labels.nan_unless_valid(distances, labels, classes)
    counts = ops.segment_sum(ops.ones_like(distances), own, classes)
    compact = ops.sum(distances / ops.take(counts, own)) / classes

    directions = geometry.unit(centers - ops.mean(centers, axis=0))
    cosines = ops.matmul(directions, ops.transpose(directions))
    cosines = ops.where(ops.eye(classes) > 0, -1.0, cosines)
    closest = ops.max(cosines, axis=1)
    if pairs == "closest":
        closest = ops.max(closest, keepdims=True)
    angle = ops.mean(ops.arccos(ops.clip(closest, -LARGEST, LARGEST)))
    return compactness * compact - separation * angle
