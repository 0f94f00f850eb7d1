"""How a classifier is trained: loss, classifier, alignment, optimizer."""

from typing import Any

import keras

import keras_spa as spa
from keras_spa._types import Array

WARM_UP = 0.05  # of the steps
SCALE, MARGIN = 30.0, 0.5  # of LDAM: of the cosines, and of the rarest class's


def classifier(method: str, num_classes: int) -> keras.Layer:
    """The layer from features to logits."""
    if method == "ldam_drw":
        return spa.layers.CosineDense(num_classes, SCALE)
    return keras.layers.Dense(num_classes)


def loss(method: str, class_counts: Array) -> keras.losses.Loss:
    if method == "balanced_softmax":
        return spa.losses.BalancedSoftmax(class_counts)
    if method == "logit_adjustment":
        return spa.losses.LogitAdjusted(class_counts)
    if method == "ldam_drw":
        # The scale is in the classifier, for what is served to be logits.
        return spa.losses.LDAM(class_counts, SCALE * MARGIN, scale=1)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def callbacks(method: str, class_counts: Array, epochs: int) -> list[Any]:
    """Deferred re-weighting starts at 80 % of the epochs."""
    if method != "ldam_drw":
        return []
    return [spa.callbacks.DeferredReweighting(epochs * 4 // 5, class_counts.tolist())]


def alignment(name: str) -> spa.Alignment | None:
    """The alignment during training, in the metric of the noise."""
    kinds = {"reg": spa.SpAReg, "slerp": spa.SpASLERP, "proj": spa.SpAProj}
    return kinds[name]() if name in kinds else None


def optimizer(arguments: Any, steps: int) -> keras.Optimizer:
    """AdamW, up to the learning rate in 5 % of the steps, down along a cosine."""
    rate = arguments.learning_rate
    if rate is None:
        rate = 1e-3 if arguments.weights == "none" else 1e-4
    warm_up = max(1, round(WARM_UP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up
    )
    adam = keras.optimizers.AdamW(schedule, weight_decay=arguments.weight_decay)
    adam.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return adam
