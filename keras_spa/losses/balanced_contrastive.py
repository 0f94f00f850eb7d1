from keras import ops

from keras_spa import _arrays, _checks, _label_checks, geometry
from keras_spa._types import Labels, Tensor
from keras_spa.losses import _labels


def balanced_contrastive(
    embeddings: Tensor, labels: Labels, prototypes: Tensor, temperature: float = 0.1
) -> Tensor:
    """Supervised contrastive loss in which each class counts alike (BCL).

    All views of all images and one prototype a class are points u, of length one. For a
    view i of class y, with P_c the points of class c but for i itself, and
    `s_ij = u_i·u_j/T`,

    `−1/|P_y| Σ_{p∈P_y} log( exp(s_ip) / Σ_c 1/|P_c| Σ_{k∈P_c} exp(s_ik) )`.

    *Class averaging*: the denominator has the mean of each class, where plain
    supervised contrast sums over all points and so pushes off the frequent classes
    most. *Class complement*: through the prototypes all classes are in every batch.

    Args:
        embeddings: (B, V, e) float tensor, V views of each image; lengths do not count.
        labels: integers (B,) or (B, 1) in 0..K−1.
        prototypes: (K, e) float tensor, a point for each class; lengths do not count.
        temperature: T, positive. Defaults to 0.1.

    Returns:
        float32 tensor (B,): the mean over an image's views.

    Raises:
        ValueError: tensors of other shapes, soft labels, labels out of range (where
            their values are known), `temperature` not positive.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> prototypes = spa.theory.simplex_etf(3, 2)
    >>> labels = np.array([0, 0, 1])  # of class 2 there is the prototype alone
    >>> collapsed = np.repeat(prototypes[labels][:, None], 2, axis=1)
    >>> loss = spa.losses.balanced_contrastive(collapsed, labels, prototypes, 1.0)
    >>> [round(float(value), 3) for value in loss]  # log(1 + 2·exp(−3/2))
    [0.369, 0.369, 0.369]

    Reference: Zhu et al. (CVPR 2022), "Balanced Contrastive Learning for Long-Tailed
    Visual Recognition", sections 3.3 and 3.4, as in the authors' code.
    """
    temperature = _checks.positive("temperature", temperature)
    embeddings = _arrays.tensor("embeddings", embeddings, "(B, V, e)")
    labels = _arrays.tensor("labels", labels, "(B,)")
    prototypes = _arrays.tensor("prototypes", prototypes, "(K, e)")
    if len(prototypes.shape) != 2:
        raise ValueError(
            "Argument `prototypes` must have shape (K, e). "
            f"Received: prototypes.shape={tuple(prototypes.shape)}"
        )
    classes, units = prototypes.shape
    shape = tuple(embeddings.shape)
    if len(shape) != 3 or shape[2] != units or not shape[1]:
        raise ValueError(
            f"Argument `embeddings` must have shape (B, V, {units}), V at least 1, as "
            f"long as the prototypes. Received: embeddings.shape={shape}"
        )
    if _label_checks.kind(labels, classes) != "integer":
        raise ValueError(
            "Argument `labels` must be integers: views of mixed images have no class "
            f"to be drawn to. Received: labels.shape={tuple(labels.shape)}"
        )
    _arrays.of_one_length("labels", labels, "embeddings", embeddings)
    _label_checks.check_if_known(labels, classes)
    views = embeddings.shape[1]
    own = ops.repeat(ops.reshape(ops.cast(labels, "int32"), (-1,)), views)
    anchors = geometry.unit(ops.reshape(embeddings, (-1, units)))
    points = ops.concatenate([anchors, geometry.unit(prototypes)])
    classes_of = ops.concatenate([own, ops.arange(classes, dtype="int32")])

    others = own_points_left_out(anchors, points)
    same = others * ops.cast(own[:, None] == classes_of, "float32")
    counts = ops.segment_sum(ops.ones_like(points[:, 0]), classes_of, classes)
    sizes = ops.take(counts, classes_of)[None] - same  # |P_c|: i itself is not in it
    similar = ops.matmul(anchors, ops.transpose(points)) / temperature
    # log of the mean over a class is that of the sum of exp(s)/|P_c|
    averaged = ops.where(others > 0, similar - ops.log(sizes), -1e9)
    log_denominator = ops.logsumexp(averaged, axis=1, keepdims=True)
    pulls = same * (log_denominator - similar)
    losses = ops.sum(pulls, axis=1) / ops.sum(same, axis=1)
    values = ops.mean(ops.reshape(losses, (-1, views)), axis=1)
    return _labels.nan_unless_valid(values, labels, classes)


def own_points_left_out(anchors: Tensor, points: Tensor) -> Tensor:
    """1 where a point is another than the anchor, 0 where it is the anchor itself."""
    rows = ops.arange(ops.shape(anchors)[0])
    return ops.cast(rows[:, None] != ops.arange(ops.shape(points)[0]), "float32")
