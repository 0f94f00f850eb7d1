"""The parts that a method and an alignment bring to a run."""

from collections.abc import Sequence
from typing import NamedTuple

import keras

import keras_spa as spa
from engine.config import RunConfig


class Method(NamedTuple):
    """What a method brings to a training run."""

    loss: keras.losses.Loss
    classifier: keras.Layer
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    learning_rate_factor: float = 1.0
    loss_weight: float | None = None
    after_backbone: tuple[keras.Layer, ...] = ()


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
    if config.method == "bcl":
        loss = spa.losses.BalancedSoftmax(class_counts)
        head = spa.layers.CosineDense(classes)
        return Method(loss, head, loss_weight=config.bcl_cross_entropy)
    if config.method == "disa":
        layer = spa.layers.DisA(classes, config.disa_strength)
        head = keras.layers.Dense(classes)
        return Method(cross_entropy, head, after_backbone=(layer,))
    losses = {
        "ce": lambda: cross_entropy,
        "glmc": lambda: cross_entropy,  # of evaluation
        "balanced_softmax": lambda: spa.losses.BalancedSoftmax(class_counts),
        "arb": spa.losses.ARB,
        "logit_adjustment": lambda: spa.losses.LogitAdjusted(class_counts, config.tau),
        "class_balanced": lambda: spa.losses.ClassBalanced(
            cross_entropy, class_counts, config.beta
        ),
        "label_aware_smoothing": lambda: spa.losses.LabelAwareSmoothing(
            class_counts, config.smooth_head, config.smooth_tail, config.smooth_shape
        ),
    }
    return Method(losses[config.method](), keras.layers.Dense(classes))


def make_model(
    config: RunConfig,
    method: Method,
    backbone: keras.Model,
    class_counts: Sequence[int],
    augment: keras.Layer | None = None,
) -> spa.SpAModel:
    """The model that a run trains; `augment` makes views on the device, if needed."""
    if config.method == "glmc":
        return spa.models.GLMC(
            backbone,
            method.classifier,
            class_counts=class_counts,
            epochs=config.epochs,
            augment=augment,
            label_weighting=config.label_weighting,
            contrast_weight=config.contrast_weight,
            aligned=config.aligned_head,
            means=config.clean_pass,
            seed=config.seed,
        )
    if config.method == "bcl":
        return spa.models.BCL(
            backbone,
            method.classifier,
            augment=augment,
            contrast_weight=config.bcl_contrast,
            temperature=config.bcl_temperature,
            hidden_units=config.bcl_hidden_units,
            embedding_units=config.bcl_embedding_units,
        )
    if method.after_backbone:
        x = backbone.outputs[0]
        for layer in method.after_backbone:
            x = layer(x)
        backbone = keras.Model(backbone.inputs[0], x, name=backbone.name)
    return spa.SpAModel(backbone, method.classifier)


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
        threshold, norm = config.noise_slerp_threshold, config.noise_slerp_norm
        return spa.SpASLERP(rate, threshold, norm=norm, shrinkage=shrinkage)
    if config.alignment == "spa_proj_noise":
        return spa.SpAProj(config.noise_proj_gamma, shrinkage=shrinkage)
    return None
