"""The methods and alignments that recipes combine, by the names of their flags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras

import keras_spa as spa

if TYPE_CHECKING:
    from engine.config import RunConfig

METHODS = {
    "ce": "cross-entropy",
    "balanced_softmax": "balanced softmax",
    "logit_adjustment": "logit adjustment",
    "ldam_drw": "LDAM-DRW",
    "class_balanced": "class-balanced",
    "etf_dr": "ETF + DR",
}
ALIGNMENTS = {
    "none": "none",
    "spa_reg": "SpA-Reg",
    "spa_slerp": "SpA-SLERP",
    "spa_proj": "SpA-Proj",
    "spa_reg_noise": "SpA-Reg (noise)",
    "spa_slerp_noise": "SpA-SLERP (noise)",
    "spa_proj_noise": "SpA-Proj (noise)",
    "misaligned": "misaligned",
}
FIXED_HEADS = ("etf_dr",)
MOVING_ALIGNMENTS = ("spa_slerp", "spa_proj", "spa_slerp_noise", "spa_proj_noise")


class Method(NamedTuple):
    """What a method brings to a training run."""

    loss: keras.losses.Loss
    classifier: keras.Layer
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    learning_rate_factor: float = 1.0


def make_method(config: RunConfig, class_counts: Sequence[int]) -> Method:
    """What the method brings; deferred re-weighting starts at 80 % of the epochs."""
    classes = len(class_counts)
    cross_entropy = (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if config.mix == "none"
        else keras.losses.CategoricalCrossentropy(from_logits=True)
    )
    if config.method == "ldam_drw":
        deferred = spa.callbacks.DeferredReweighting(
            config.epochs * 4 // 5, class_counts, config.beta
        )
        head = spa.layers.CosineDense(classes, scale=1)  # the loss scales
        loss = spa.losses.LDAM(class_counts)
        return Method(loss, head, (deferred,), config.ldam_rate_factor)
    if config.method == "etf_dr":
        return Method(spa.losses.DotRegression(), spa.layers.ETFDense(classes))
    losses = {
        "ce": lambda: cross_entropy,
        "balanced_softmax": lambda: spa.losses.BalancedSoftmax(class_counts),
        "logit_adjustment": lambda: spa.losses.LogitAdjusted(class_counts, config.tau),
        "class_balanced": lambda: spa.losses.ClassBalanced(
            cross_entropy, class_counts, config.beta
        ),
    }
    return Method(losses[config.method](), keras.layers.Dense(classes))


def make_alignment(config: RunConfig, steps: int) -> spa.Alignment | None:
    """The alignment of a configuration; `steps` are those of the whole training.

    `spa_reg` and its kin are the paper's forms, in isotropic noise; `spa_reg_noise` and
    its kin align in the metric of the features' noise.
    """
    if config.alignment in ("spa_reg", "misaligned"):
        misaligned = config.alignment == "misaligned"
        return spa.SpAReg.paper(
            config.misaligned_strength if misaligned else config.spa_reg_strength,
            center=config.spa_reg_center,
            gradient=config.spa_reg_gradient,
        )
    if config.alignment == "spa_slerp":
        rate = config.spa_slerp_rate
        return spa.SpASLERP.paper(
            spa.CosineRamp(rate, steps) if config.spa_slerp_ramp else rate,
            config.spa_slerp_threshold,
            center=config.spa_slerp_center,
            norm=config.spa_slerp_norm,
        )
    if config.alignment == "spa_proj":
        return spa.SpAProj.paper(config.spa_proj_gamma)
    shrinkage = config.noise_shrinkage
    if config.alignment == "spa_reg_noise":
        return spa.SpAReg(config.noise_reg_strength, shrinkage=shrinkage)
    if config.alignment == "spa_slerp_noise":
        rate = config.noise_slerp_rate
        if config.noise_slerp_fade:
            until = max(1, round(config.spa_stop * steps))
            rate = keras.optimizers.schedules.CosineDecay(rate, until)
        threshold = config.noise_slerp_threshold
        return spa.SpASLERP(rate, threshold, shrinkage=shrinkage)
    if config.alignment == "spa_proj_noise":
        return spa.SpAProj(config.noise_proj_gamma, shrinkage=shrinkage)
    return None
