from typing import Any

import keras
import numpy as np
from keras import ops

from keras_spa import _arrays, _checks, _label_checks
from keras_spa._types import Array, ClassCounts, Config, Labels, Tensor


def shot_groups(
    class_counts: ClassCounts, many: float = 100, few: float = 20
) -> dict[str, Array]:
    """Classes by how many training images they have.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        many: Classes with more images are "many". Defaults to 100.
        few: Classes with fewer images are "few"; at most `many`. Defaults to 20.

    Returns:
        A dict from `"many"`, `"medium"` (few..many, both included) and `"few"` to an
        integer array of class indices, which may be empty.

    Raises:
        ValueError: counts that are not positive, `few` above `many`.

    Example:

    >>> import keras_spa as spa
    >>> groups = spa.metrics.shot_groups([500, 100, 20, 19])
    >>> {name: classes.tolist() for name, classes in groups.items()}
    {'many': [0], 'medium': [1, 2], 'few': [3]}

    Reference: Liu et al. (CVPR 2019), "Large-Scale Long-Tailed Recognition in an Open
    World", section 4.
    """
    counts = np.asarray(_checks.class_counts(class_counts))
    many = _checks.number("many", many, 0)
    if _checks.number("few", few, 0) > many:
        raise ValueError(
            f"Argument `few` must be at most `many`. Received: few={few}, many={many}"
        )
    return {
        "many": np.flatnonzero(counts > many),
        "medium": np.flatnonzero((few <= counts) & (counts <= many)),
        "few": np.flatnonzero(counts < few),
    }


def shot_means(
    accuracy_per_class: Array,
    class_counts: ClassCounts,
    many: float = 100,
    few: float = 20,
) -> dict[str, float]:
    """Mean accuracy of the many-, medium- and few-shot classes.

    Args:
        accuracy_per_class: (K,), of any unit; NaN for classes without images, which are
            left out.
        class_counts: n, training images of each class (K,).
        many, few: as in `shot_groups`.

    Returns:
        `{"many": float, "medium": float, "few": float}`; NaN for a group without
        classes that have images.

    Raises:
        ValueError: not one accuracy a class, counts that are not positive, `few` above
            `many`.

    Example:

    >>> import keras_spa as spa
    >>> spa.metrics.shot_means([0.9, 0.7, 0.1], [500, 200, 5])
    {'many': 0.8, 'medium': nan, 'few': 0.1}

    Reference: Liu et al. (CVPR 2019), "Large-Scale Long-Tailed Recognition in an Open
    World", section 4.
    """
    class_counts = _checks.class_counts(class_counts)
    groups = shot_groups(class_counts, many, few)
    accuracies = _arrays.array("accuracy_per_class", accuracy_per_class, "(K,)")
    accuracies = accuracies.astype("float64")
    if accuracies.shape != np.shape(class_counts):
        raise ValueError(
            "Argument `accuracy_per_class` must hold one accuracy for each of the "
            f"{len(class_counts)} class counts. Received: shape {accuracies.shape}"
        )
    means = {}
    for shots, classes in groups.items():
        known = accuracies[classes][np.isfinite(accuracies[classes])]
        means[shots] = float(known.mean()) if known.size else float("nan")
    return means


@keras.saving.register_keras_serializable(package="keras_spa")
class ShotAccuracy(keras.metrics.Metric):
    """Accuracy of all samples, and of the classes with many, medium and few images.

    `result()` is a dict, whose entries Keras logs one by one:

    - `shot_accuracy_overall`: correct samples / samples, those with a label that is
      none among them, where a compiled step cannot refuse it.
    - `shot_accuracy_many`, `_medium`, `_few`: the mean over the group's classes of
      `correct samples of c / samples of c`, over classes that had samples. For a
      balanced test set that is the group's accuracy.

    A group without classes, or without samples so far, is NaN. `per_class()` gives
    the accuracy of each class. The groups are those of `shot_groups`: by *training*
    images, whatever data is evaluated.

    Args:
        class_counts: n, the training images of each class, K positive numbers.
        many: Classes with more training images are "many". Defaults to 100.
        few: Classes with fewer training images are "few"; at most `many`. Defaults to
            20.
        name: First part of the logged names. Defaults to `"shot_accuracy"`.
        dtype: As in every Keras metric. In float32 counts are exact up to 2^24
            samples a class.

    Call arguments:
        y_true: integers (B,) or (B, 1) in 0..K−1, or soft labels (B, K), of which the
            largest counts.
        y_pred: logits or probabilities (B, K).
        sample_weight: None or non-negative (B,) or (B, 1): samples count so often.

    Raises:
        ValueError: counts that are not positive or not as many as the logits, `few`
            above `many`, labels of another shape or, where they can be read, out of
            range.

    Example:

    >>> import numpy as np
    >>> import keras_spa as spa
    >>> metric = spa.metrics.ShotAccuracy(class_counts=[500, 50, 5])
    >>> metric.update_state(np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 0]])
    >>> for name, value in metric.result().items():
    ...     print(name, float(value))
    shot_accuracy_overall 0.5
    shot_accuracy_many 0.5
    shot_accuracy_medium 1.0
    shot_accuracy_few 0.0

    In training: `model.compile(optimizer, loss, metrics=[metric])`.

    Reference: Liu et al. (CVPR 2019), "Large-Scale Long-Tailed Recognition in an Open
    World", section 4. NaN for empty groups is ours.
    """

    def __init__(
        self,
        class_counts: ClassCounts,
        many: float = 100,
        few: float = 20,
        name: str = "shot_accuracy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.class_counts = _checks.class_counts(class_counts)
        self.many, self.few = many, few
        shape = (len(self.class_counts),)
        self._members = tuple(  # tuples, which torch.compile can read
            (group, tuple(np.bincount(classes, minlength=shape[0]).tolist()))
            for group, classes in shot_groups(class_counts, many, few).items()
        )
        self.correct = self.add_variable(shape, "zeros", self.dtype, name="correct")
        self.samples = self.add_variable(shape, "zeros", self.dtype, name="samples")
        # A label that is none is wrong, and of no class.
        self.unknown = self.add_variable((), "zeros", self.dtype, name="unknown")

    def update_state(
        self, y_true: Labels, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        num_classes = len(self.class_counts)
        y_true = ops.convert_to_tensor(_arrays.tensor("y_true", y_true))
        y_pred = ops.convert_to_tensor(_arrays.tensor("y_pred", y_pred))
        if len(y_pred.shape) != 2 or y_pred.shape[-1] != num_classes:
            raise ValueError(
                "Argument `y_pred` must hold one logit for each of the "
                f"{num_classes} class counts. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        _arrays.of_one_length("y_true", y_true, "y_pred", y_pred)
        _label_checks.check_if_known(y_true, num_classes)
        valid = _label_checks.valid(y_true, num_classes)
        if _label_checks.kind(y_true, num_classes) == "soft":
            y_true = ops.argmax(y_true, axis=-1)
        labels = ops.where(valid, ops.reshape(ops.cast(y_true, "int32"), (-1,)), 0)
        valid = ops.cast(valid, self.dtype)
        right = ops.cast(ops.argmax(y_pred, axis=-1), "int32") == labels
        weight = ops.ones_like(right, dtype=self.dtype)
        if sample_weight is not None:
            sample_weight = _arrays.sample_weights(sample_weight, y_pred)
            weight = ops.reshape(ops.cast(sample_weight, self.dtype), (-1,))
        # Sums and not matrix products, which GPUs may round to fewer digits.
        self.unknown.assign(self.unknown + ops.sum(weight * (1 - valid)))
        weight = weight * valid
        samples = weight * ops.one_hot(labels, num_classes, axis=0, dtype=self.dtype)
        correct = samples * ops.cast(right, self.dtype)
        self.correct.assign(self.correct + ops.sum(correct, axis=1))
        self.samples.assign(self.samples + ops.sum(samples, axis=1))

    def per_class(self) -> Tensor:
        """Accuracy of each class, (K,); NaN for classes without samples so far."""
        return _ratio(self.correct, self.samples)

    def result(self) -> dict[str, Tensor]:
        samples = ops.sum(self.samples) + self.unknown
        overall = _ratio(ops.sum(self.correct), samples)
        result = {f"{self.name}_overall": overall}
        met = ops.cast(self.samples > 0, self.dtype)
        accuracies = ops.where(met > 0, self.per_class(), 0.0)
        for group, members in self._members:
            counted = ops.convert_to_tensor(members, self.dtype) * met
            mean = _ratio(ops.sum(counted * accuracies), ops.sum(counted))
            result[f"{self.name}_{group}"] = mean
        return result

    def get_config(self) -> Config:
        config = {"many": self.many, "few": self.few}
        return {**super().get_config(), "class_counts": self.class_counts, **config}


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    whole = ops.convert_to_tensor(whole)
    return ops.where(whole > 0, part / ops.where(whole > 0, whole, 1), float("nan"))
