"""What a batch tells of each class: sums over the replicas' global batch."""

from keras import ops

from keras_spa import _label_checks, distribute
from keras_spa._types import Tensor


def class_weights(
    labels: Tensor, num_classes: int, sample_weight: Tensor | None = None
) -> Tensor:
    """Sum of the samples' weights by class, over the replicas' global batch.

    Args:
        labels: integers (B,) or (B, 1), or soft labels (B, K).
        num_classes: K.
        sample_weight: None or tensor (B,) or (B, 1).

    Returns:
        float32 tensor (K,).
    """
    weight = _weights(labels, sample_weight)
    if _label_checks.kind(labels, num_classes) == "soft":
        sums = ops.sum(ops.cast(labels, "float32") * weight[:, None], axis=0)
    else:
        sums = ops.segment_sum(weight, _integers(labels), num_classes)
    return distribute.global_sum(sums)


def moves(
    means: Tensor,
    rates: Tensor,
    features: Tensor,
    labels: Tensor,
    sample_weight: Tensor | None = None,
) -> Tensor:
    """How far a batch moves class means: `a_c Σ_{i in c} s_i (h_i − μ_c)`.

    The sum runs over the replicas' global batch, s are the sample weights. Of integer
    labels it takes the means of the batch's classes only.

    Args:
        means: float32 tensor (K, d), μ.
        rates: float32 tensor (K,), a.
        features: float tensor (B, d), h.
        labels: integers (B,) or (B, 1), or soft labels (B, K).
        sample_weight: None or tensor (B,) or (B, 1).

    Returns:
        float32 tensor (K, d).
    """
    features, classes = ops.cast(features, "float32"), means.shape[0]
    weight = _weights(labels, sample_weight)
    if _label_checks.kind(labels, classes) == "soft":
        shares = ops.transpose(ops.cast(labels, "float32") * weight[:, None])
        whole = rates * ops.sum(shares, axis=1)
        sums = rates[:, None] * ops.matmul(shares, features) - whole[:, None] * means
    else:
        labels = _integers(labels)
        own = ops.clip(labels, 0, classes - 1)  # the loss refuses labels beyond them
        weight = weight * ops.take(rates, own)
        apart = weight[:, None] * (features - ops.take(means, own, axis=0))
        sums = ops.segment_sum(apart, labels, classes)
    return distribute.global_sum(sums)


def _integers(labels: Tensor) -> Tensor:
    return ops.reshape(ops.cast(labels, "int32"), (-1,))


def _weights(labels: Tensor, sample_weight: Tensor | None) -> Tensor:
    """float32 (B,): the sample weights, or ones."""
    if sample_weight is None:
        return ops.ones((ops.shape(labels)[0],), "float32")
    return ops.reshape(ops.cast(sample_weight, "float32"), (-1,))


def within_class_scatter(
    features: Tensor,
    labels: Tensor,
    means: Tensor,
    class_weights: Tensor,
    sample_weight: Tensor | None = None,
) -> Tensor:
    """Covariance of the features about their class means, averaged over the classes.

    `Σ_c Σ_{i in c} s_i (h_i − μ_c)(h_i − μ_c)ᵀ / (s_c·C)` over the replicas' global
    batch, s the sample weights (s_c their sum in class c), C the classes present: each
    class counts alike, however many images it has. With soft labels each image counts
    in a class by its share.

    Args:
        features: float tensor (B, d).
        labels: integers (B,) or (B, 1), or soft labels (B, K).
        means: float32 tensor (K, d), μ.
        class_weights: float32 tensor (K,), s_c of the global batch.
        sample_weight: None or tensor (B,) or (B, 1).

    Returns:
        float32 tensor (d, d), the same on all replicas; 0 for a batch without weight.
    """
    features = ops.cast(features, "float32")
    present = ops.cast(class_weights > 0, "float32")
    shares = present / ops.where(class_weights > 0, class_weights, 1.0)
    shares = shares / ops.maximum(ops.sum(present), 1.0)
    weight = _weights(labels, sample_weight)
    if _label_checks.kind(labels, class_weights.shape[0]) == "soft":
        soft = ops.cast(labels, "float32") * weight[:, None] * shares  # (B, K)
        # About a point among the features, so that what is subtracted is small.
        centre = ops.sum(present[:, None] * means, axis=0)
        centre = centre / ops.maximum(ops.sum(present), 1.0)
        features, means = features - centre, means - centre
        # An image about the mean of its classes, and its classes about that mean: two
        # sums of squares, of which a one-hot label leaves the first. The second is the
        # Σ of (μ_c − μ_k)(μ_c − μ_k)ᵀ over pairs of classes that share images.
        own = ops.sum(soft, axis=1)[:, None]
        mixed = soft / ops.where(own > 0, own, 1.0)
        apart = features - ops.matmul(mixed, means)
        pairs = ops.matmul(ops.transpose(soft), mixed)  # (K, K)
        pairs = pairs * (1 - ops.eye(class_weights.shape[0], dtype="float32"))
        between = ops.sum(pairs, axis=1)[:, None] * means - ops.matmul(pairs, means)
        scatter = ops.matmul(ops.transpose(own * apart), apart)
        scatter = scatter + ops.matmul(ops.transpose(means), between)
    else:
        labels = _integers(labels)
        own = ops.clip(labels, 0, class_weights.shape[0] - 1)
        apart = features - ops.take(means, own, axis=0)
        weight = weight * ops.where(labels == own, ops.take(shares, own, axis=0), 0.0)
        scatter = ops.matmul(ops.transpose(weight[:, None] * apart), apart)
    return distribute.global_sum(scatter)
