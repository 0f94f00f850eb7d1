"""The loss of GLMC: a formula of what the network makes of two mixes."""

from typing import Any, NamedTuple

from keras import ops

from keras_spa import _label_checks, geometry
from keras_spa._types import Tensor

Pair = tuple[Tensor, Tensor]


class Outputs(NamedTuple):
    """What the loss needs of a training step; pairs are of both mixes."""

    logits: Tensor  # of `fc_cb` for the clean images: what metrics see
    fc: Pair  # logits (B, K)
    fc_cb: Pair
    projected: Pair  # (B, d')
    predicted: Pair
    share: Tensor  # λ, of the images; their partners have 1 − λ


def loss_per_sample(
    outputs: Outputs, soft: Tensor, class_weights: Any, balance: Tensor, contrast: float
) -> Tensor:
    """Σᵢ [a·CE(fcᵢ, ỹ) + (1−a)·CE(fc_cbᵢ, w⊙ỹ)] − c·[cos(p₁, ẑ₂) + cos(p₂, ẑ₁)], (B,).

    Args:
        outputs: of the network.
        soft: mixed labels ỹ (B, K).
        class_weights: w, (K,).
        balance: a.
        contrast: c.
    """
    weighted = soft * ops.cast(class_weights, "float32")
    common = sum(cross_entropy(logits, soft) for logits in outputs.fc)
    rare = sum(cross_entropy(logits, weighted) for logits in outputs.fc_cb)
    targets = map(ops.stop_gradient, reversed(outputs.projected))
    alike = sum(map(geometry.cosine, outputs.predicted, targets))
    return balance * common + (1 - balance) * rare - contrast * alike


def cross_entropy(logits: Tensor, soft: Tensor) -> Tensor:
    """−Σₖ soft·log softmax(logits), (B,)."""
    return -ops.sum(soft * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)


def mixed_labels(
    labels: Tensor, partner_labels: Tensor, share: Tensor, classes: int
) -> Tensor:
    """λ·onehot(labels) + (1−λ)·onehot(partner_labels), (B, K)."""
    _label_checks.check_if_known(partner_labels, classes, "partner_labels")
    own, others = (soft_labels(values, classes) for values in (labels, partner_labels))
    return share * own + (1 - share) * others


def soft_labels(labels: Tensor, classes: int) -> Tensor:
    """Labels (B,), (B, 1) or (B, K) as float32 (B, K); NaN where one is none."""
    valid = _label_checks.valid(labels, classes)
    if _label_checks.kind(labels, classes) == "integer":
        labels = ops.reshape(ops.cast(labels, "int32"), (-1, 1))
        labels = ops.equal(labels, ops.arange(classes, dtype="int32"))
    return ops.where(valid[:, None], ops.cast(labels, "float32"), float("nan"))
