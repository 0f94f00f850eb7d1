"""The methods and alignments that recipes combine, by the names of their flags."""

from typing import Any, NamedTuple

import keras
from absl import flags

import keras_spa as spa

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
    "misaligned": "misaligned",
}
FIXED_HEADS = ("etf_dr",)
MOVING_ALIGNMENTS = ("spa_slerp", "spa_proj")

_REG_STRENGTH = flags.DEFINE_float("spa_reg_strength", 0.1, "Strength of SpA-Reg.")
_MISALIGNED_STRENGTH = flags.DEFINE_float(
    "misaligned_strength",
    -0.1,
    "Strength of the negative SpA-Reg of 'misaligned'; for show, not chosen for gain.",
)
_REG_GRADIENT = flags.DEFINE_enum(
    "spa_reg_gradient",
    "both",
    ["both", "classifier", "features"],
    "Where the gradient of SpA-Reg flows.",
)
_REG_CENTER = flags.DEFINE_bool(
    "spa_reg_center", True, "Whether SpA-Reg aims at centred class means."
)
_SLERP_RATE = flags.DEFINE_float(
    "spa_slerp_rate", 0.2, "Share of the angle SpA-SLERP turns a step.", 0, 1
)
_SLERP_RAMP = flags.DEFINE_bool(
    "spa_slerp_ramp", True, "Raise the rate from 0 along a cosine over the training."
)
_SLERP_THRESHOLD = flags.DEFINE_float(
    "spa_slerp_threshold", 0.9, "Cosine above which SpA-SLERP stops.", -1, 1
)
_SLERP_CENTER = flags.DEFINE_bool(
    "spa_slerp_center", False, "Whether SpA-SLERP aims at centred class means."
)
_SLERP_NORM = flags.DEFINE_enum(
    "spa_slerp_norm", "keep", ["keep", "equal"], "Lengths of SpA-SLERP's weights."
)
_PROJ_GAMMA = flags.DEFINE_float(
    "spa_proj_gamma", 0.6, "Share of the gradient that SpA-Proj keeps.", 0, 1
)
_TAU = flags.DEFINE_float("tau", 1.0, "Strength of logit adjustment.", 0)
flags.DEFINE_float(
    "spa_start", 0.0, "Share of the epochs before the alignment begins.", 0, 0.99
)
_LDAM_RATE = flags.DEFINE_float(
    "ldam_rate_factor",
    1.0,
    "Share of the learning rate that ldam_drw takes: its logits, scaled by 30, have "
    "steep gradients, and a network without batch normalisation dies of them.",
    0,
)
_BETA = flags.DEFINE_float(
    "beta", 0.9999, "β of the class weights of ldam_drw and class_balanced.", 0, 1
)


class Method(NamedTuple):
    """What a method brings to a training run."""

    loss: keras.losses.Loss
    classifier: keras.Layer
    callbacks: tuple[Any, ...] = ()
    learning_rate_factor: float = 1.0


def makes_sense(method, alignment):
    """A fixed head cannot be moved, by SpA-SLERP or SpA-Proj."""
    return not (method in FIXED_HEADS and alignment in MOVING_ALIGNMENTS)


def make_method(name, class_counts, epochs, soft_labels=False):
    """What the method brings; deferred re-weighting starts at 80 % of the epochs."""
    classes = len(class_counts)
    cross_entropy = (
        keras.losses.CategoricalCrossentropy(from_logits=True)
        if soft_labels
        else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    if name == "ldam_drw":
        deferred = spa.callbacks.DeferredReweighting(
            epochs * 4 // 5, class_counts, _BETA.value
        )
        head = spa.layers.CosineDense(classes, scale=1)  # the loss scales
        factor = _LDAM_RATE.value
        return Method(spa.losses.LDAM(class_counts), head, (deferred,), factor)
    if name == "etf_dr":
        return Method(spa.losses.DotRegression(), spa.layers.ETFDense(classes))
    losses = {
        "ce": lambda: cross_entropy,
        "balanced_softmax": lambda: spa.losses.BalancedSoftmax(class_counts),
        "logit_adjustment": lambda: spa.losses.LogitAdjusted(class_counts, _TAU.value),
        "class_balanced": lambda: spa.losses.ClassBalanced(
            cross_entropy, class_counts, _BETA.value
        ),
    }
    return Method(losses[name](), keras.layers.Dense(classes))


def make_alignment(name, steps):
    """The alignment of that name, with the parameters of the flags."""
    if name in ("spa_reg", "misaligned"):
        strength = _REG_STRENGTH if name == "spa_reg" else _MISALIGNED_STRENGTH
        return spa.SpAReg(
            strength.value, _REG_CENTER.value, gradient=_REG_GRADIENT.value
        )
    if name == "spa_slerp":
        rate = _SLERP_RATE.value
        return spa.SpASLERP(
            spa.CosineRamp(rate, steps) if _SLERP_RAMP.value else rate,
            _SLERP_THRESHOLD.value,
            _SLERP_CENTER.value,
            _SLERP_NORM.value,
        )
    return spa.SpAProj(_PROJ_GAMMA.value) if name == "spa_proj" else None
