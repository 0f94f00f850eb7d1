"""The methods and alignments that recipes combine: names of flags, names in tables."""

METHODS = {
    "ce": "cross-entropy",
    "balanced_softmax": "balanced softmax",
    "arb": "ARB-Loss",
    "logit_adjustment": "logit adjustment",
    "ldam_drw": "LDAM-DRW",
    "class_balanced": "class-balanced",
    "etf_dr": "ETF + DR",
    "label_aware_smoothing": "label-aware smoothing",
    "disa": "DisA",
    "bcl": "BCL",
    "glmc": "GLMC",
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
# Methods that want several views of each image, and how many.
VIEWS = {"glmc": 2, "bcl": 3}
PARTNERED = ("glmc",)  # methods that mix with a batch of another sampler
FIXED_HEADS = ("etf_dr",)
OF_AN_ETF = ("etf_dr", "disa")  # which needs K − 1 features
MOVING_ALIGNMENTS = ("spa_slerp", "spa_proj", "spa_slerp_noise", "spa_proj_noise")
