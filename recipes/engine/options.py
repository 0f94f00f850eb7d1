"""What can be set of a run, in groups; each field is a flag of the recipes.

A field's metadata hold the flag's help and limits, and `decides`: whether the numbers
of a run depend on it.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] | None = None,
    decides: bool = True,
) -> Any:
    """A dataclass field that becomes a flag."""
    metadata = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "decides": decides,
    }
    return dataclasses.field(default=default, metadata=metadata)


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
    noise_proj_gamma: float = option(
        0.6, "Share of the gradient that spa_proj_noise keeps.", low=0, high=1
    )


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Images: where from, how many, which to measure on."""

    imbalance_factor: float = option(
        100.0,
        "Training images of the most over those of the least frequent class.",
        low=1,
    )
    max_count: int | None = option(
        None, "Training images of the most frequent class; default: all.", low=1
    )
    data: str | None = option(
        None,
        "Where images come from: a name, npz:PATH or folder:PATH of "
        "keras_spa.data.load.",
    )
    data_dir: str | None = option(
        None, "Folder of the data sets; default: TFDS' own.", decides=False
    )
    order: str = option(
        "shuffle",
        "Which images of a class make up the subset: drawn with seed 0, or the first "
        "ones.",
        choices=("shuffle", "file"),
    )
    validation_per_class: int = option(
        0, "Images of each class held out of the pool.", low=0
    )
    split: str = option(
        "test",
        "Images to measure on. Parameters are chosen on validation, never on test.",
        choices=("test", "validation"),
    )


@dataclass(frozen=True, kw_only=True)
class OptimizationOptions:
    """SGD and its schedule."""

    epochs: int = option(200, "Passes over the training images.", low=1)
    batch_size: int = option(128, "Images a training step, over all devices.", low=1)
    learning_rate: float = option(0.1, "Highest rate of SGD with momentum 0.9.", low=0)
    weight_decay: float = option(
        2e-4, "Added to the gradient as decay * weight.", low=0
    )
    schedule: str = option(
        "steps",
        "Decay of the rate: in steps at 80 % and 90 % of the epochs, or along a "
        "cosine.",
        choices=("steps", "cosine"),
    )
    decay_factors: tuple[float, ...] = option(
        (0.01, 0.0001), "Share of the rate after the two steps.", low=0
    )
    warmup_epochs: int = option(0, "Epochs in which the rate rises.", low=0)


@dataclass(frozen=True, kw_only=True)
class AugmentationOptions:
    """Augmentation of the training images."""

    augment: str = option(
        "none",
        "crop_flip: 4 pixels of padding, random crop and flip; auto_augment: the same, "
        "then AutoAugment's CIFAR-10 policy and Cutout of 16 pixels; rand_augment: "
        "crop and flip, then keras-cv's RandAugment; sim_augment: SimCLR's",
        choices=("none", "crop_flip", "auto_augment", "rand_augment", "sim_augment"),
    )
    augment_on: str = option(
        "device",
        "Where: in a tf.data pipeline, or as layers of the model.",
        choices=("host", "device"),
    )
    mix: str = option(
        "none", "Mixing of two images.", choices=("none", "mixup", "cutmix")
    )
    mix_alpha: float = option(
        1.0, "Parameter of the mixing's Beta distribution.", low=0
    )


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """Precision, compilation and devices."""

    mixed_precision: str = option(
        "float32",
        "Type that layers compute in. Alignment always computes in float32.",
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    jit_compile: bool = option(
        False, "Compile the training step with XLA, as JAX always does."
    )
    steps_per_execution: int = option(
        1, "Steps between two looks of Keras; 0: a whole epoch.", low=0
    )
    strategy: str = option(
        "none",
        "Devices to train on: one; all of this machine (mirrored); those of all "
        "workers in TF_CONFIG (multiworker); a TPU (tpu, with --tpu); or on JAX all "
        "(data_parallel), of several hosts with KERAS_DISTRIBUTION_JOB_ADDRESSES and "
        "its kin. Runs then follow one another, whatever --jobs says.",
        choices=("none", "mirrored", "multiworker", "tpu", "data_parallel"),
        decides=False,
    )
    tpu: str | None = option(
        None, "Name of the TPU; on a TPU machine: local.", decides=False
    )
    virtual_devices: int | None = option(
        None,
        "Split the CPU into so many devices, to try --strategy.",
        low=1,
        decides=False,
    )


@dataclass(frozen=True, kw_only=True)
class RecordOptions:
    """What a run prints and leaves behind beside its result."""

    validate_every: int = option(
        0,
        "Epochs between two looks at the validation images, for the history; 0: none.",
        low=0,
        decides=False,
    )
    resume: bool = option(
        True, "Go on with what an interrupted job left behind.", decides=False
    )
    export_dir: str | None = option(
        None, "Folder for a .keras file and a SavedModel a run.", decides=False
    )
    tensorboard_dir: str | None = option(
        None, "Folder for TensorBoard's logs.", decides=False
    )
    verbose: bool = option(True, "Print a line an epoch.", decides=False)
    smoke: bool = option(
        False, "One seed, one epoch, few images: everything runs, no more."
    )
