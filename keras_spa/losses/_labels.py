"""What the losses do with labels, integers (B,) and soft labels (B, K) alike."""

from keras import ops

from keras_spa import _arrays, _label_checks
from keras_spa._types import Labels, Tensor


def standardize(labels: Labels, logits: Tensor) -> Tensor:
    """Labels as int32 (B,), or as soft labels (B, K) in the dtype of the logits.

    Raises:
        ValueError: labels that do not fit the logits (B, K): always for a wrong
            shape, and for wrong values where they can be read (not in a traced step).
    """
    num_classes = logits.shape[-1]
    kind = _label_checks.kind(labels, num_classes)
    _label_checks.check_if_known(labels, num_classes)
    _arrays.of_one_length("y_true", labels, "y_pred", logits)
    if kind == "soft":
        return ops.cast(labels, logits.dtype)
    return ops.reshape(ops.cast(labels, "int32"), (-1,))


def nan_unless_valid(values: Tensor, labels: Labels, num_classes: int) -> Tensor:
    """`values` (B,), NaN where the label is none: it must not go unseen."""
    return ops.where(_label_checks.valid(labels, num_classes), values, float("nan"))


def shares(labels: Labels, logits: Tensor) -> Tensor:
    """The share of each class in each label, (B, K): one-hot for integers."""
    if len(labels.shape) == 2:
        return labels
    classes = ops.arange(logits.shape[-1], dtype="int32")
    return ops.cast(ops.equal(labels[:, None], classes), logits.dtype)


def class_values(values: Tensor, labels: Labels) -> Tensor:
    """`Σ_c y_c·v_c` (B,) for values (K,): of integers, the value of the class."""
    if len(labels.shape) == 2:
        # A sum and not a matrix product, which GPUs may round to fewer digits.
        return ops.sum(labels * ops.cast(values, labels.dtype), axis=-1)
    return ops.take(values, labels)


def cross_entropy(labels: Labels, logits: Tensor) -> Tensor:
    """`−Σ_c y_c·log softmax(z)_c` (B,), also where soft labels do not sum to 1."""
    if len(labels.shape) == 2:
        return -ops.sum(labels * ops.log_softmax(logits, axis=-1), axis=-1)
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
