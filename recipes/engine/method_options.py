"""What can be set of methods and alignments, in groups; see `options`."""

from dataclasses import dataclass

from engine.options import option


@dataclass(frozen=True, kw_only=True)
class MethodOptions:
    """Parameters of the methods."""

    tau: float = option(1.0, "Strength of logit adjustment.", low=0)
    beta: float = option(
        0.9999, "β of the class weights of ldam_drw and class_balanced.", low=0, high=1
    )
    ldam_rate_factor: float = option(
        1.0,
        "Share of the learning rate that ldam_drw takes: its logits, scaled by 30, "
        "have steep gradients, and a network without batch normalisation dies of them.",
        low=0,
    )
    smooth_head: float = option(
        0.3, "label_aware_smoothing of the most frequent class.", low=0, high=1
    )
    smooth_tail: float = option(
        0.0, "label_aware_smoothing of the least frequent class.", low=0, high=1
    )
    smooth_shape: str = option(
        "concave",
        "How it falls from the one to the other.",
        choices=("concave", "linear", "convex"),
    )
    disa_strength: float = option(0.1, "Weight of the transport in disa.", low=0)
    bcl_cross_entropy: float = option(2.0, "Weight of the cross-entropy in bcl.", low=0)
    bcl_contrast: float = option(0.6, "Weight of the contrast in bcl.", low=0)
    bcl_temperature: float = option(0.1, "Temperature of the contrast.", low=1e-3)
    bcl_hidden_units: int = option(512, "Hidden units of the two MLPs of bcl.", low=1)
    bcl_embedding_units: int = option(128, "Outputs of the two MLPs.", low=1)
    label_weighting: float = option(
        1.2, "glmc weighs class c by n_c to the minus this in fc_cb.", low=0
    )
    contrast_weight: float = option(
        4.0, "Weight of glmc's consistency of both mixes.", low=0
    )
    resample_weighting: float = option(
        1.0,
        "glmc's partners are of class c with probability ~ n_c^(1 - this): 0 as the "
        "training images, 1 class-balanced, 2 reverse.",
        low=0,
    )
    aligned_head: str = option(
        "fc",
        "Which head of glmc is aligned; fc_cb is the one that answers.",
        choices=("fc", "fc_cb", "both"),
    )
    clean_pass: str = option(
        "inference",
        "How glmc's features for the class means are computed: without touching the "
        "statistics of batch normalisation, or as its authors do (training).",
        choices=("inference", "training"),
    )


@dataclass(frozen=True, kw_only=True)
class AlignmentOptions:
    """Parameters of the alignments."""

    spa_start: float = option(
        0.0, "Share of the epochs before the alignment begins.", low=0, high=0.99
    )
    spa_stop: float = option(
        1.0, "Share of the epochs after which the alignment ends.", low=0, high=1
    )
    spa_reg_strength: float = option(0.1, "Strength of SpA-Reg.")
    spa_reg_gradient: str = option(
        "both",
        "Where the gradient of SpA-Reg flows.",
        choices=("both", "classifier", "features"),
    )
    spa_reg_center: bool = option(True, "Whether SpA-Reg aims at centred class means.")
    misaligned_strength: float = option(
        -0.1,
        "Strength of the negative SpA-Reg of 'misaligned'; for show, not chosen for "
        "gain.",
    )
    spa_slerp_rate: float = option(
        0.2, "Share of the angle SpA-SLERP turns a step.", low=0, high=1
    )
    spa_slerp_ramp: bool = option(
        True, "Raise the rate from 0 along a cosine over the training."
    )
    spa_slerp_threshold: float = option(
        0.9, "Cosine above which SpA-SLERP stops.", low=-1, high=1
    )
    spa_slerp_center: bool = option(
        False, "Whether SpA-SLERP aims at centred class means."
    )
    spa_slerp_norm: str = option(
        "keep", "Lengths of SpA-SLERP's weights.", choices=("keep", "equal")
    )
    spa_proj_gamma: float = option(
        0.6, "Share of the gradient that SpA-Proj keeps.", low=0, high=1
    )
    noise_shrinkage: float = option(
        0.1,
        "Share of isotropic noise in the metric of spa_reg_noise and its kin.",
        low=0.001,
        high=1,
    )
    noise_reg_strength: float = option(0.1, "Strength of spa_reg_noise.")
    noise_slerp_rate: float = option(
        0.01, "Share of the angle spa_slerp_noise turns a step.", low=0, high=1
    )
    noise_slerp_fade: bool = option(
        False, "Lower that rate to 0 along a cosine, until --spa_stop."
    )
    noise_slerp_threshold: float = option(
        1.0, "Cosine above which spa_slerp_noise stops.", low=-1, high=1
    )
    noise_slerp_norm: str = option(
        "keep",
        "Lengths of its weights; noise: kept in the metric of the noise.",
        choices=("keep", "equal", "noise"),
    )
    noise_proj_gamma: float = option(
        0.6, "Share of the gradient that spa_proj_noise keeps.", low=0, high=1
    )
