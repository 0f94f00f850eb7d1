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
class DataOptions:
    """Images: where from, how many, what to measure on."""

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
        "crop and flip, of image files changes of colour, then RandAugment, two "
        "operations of magnitude 10, each with probability 0.5; sim_augment: SimCLR's",
        choices=("none", "crop_flip", "auto_augment", "rand_augment", "sim_augment"),
    )
    contrast_augment: str = option(
        "sim_augment",
        "Augmentation of the two views that bcl contrasts, as --augment.",
        choices=("crop_flip", "auto_augment", "sim_augment"),
    )
    augment_on: str = option(
        "device",
        "Where: in a tf.data pipeline, or as layers of the model. Image files are "
        "cropped in the pipeline either way, and there glmc and bcl have their views.",
        choices=("host", "device"),
    )
    mix: str = option(
        "none", "Mixing of two images.", choices=("none", "mixup", "cutmix")
    )
    mix_alpha: float = option(
        1.0, "Parameter of the mixing's Beta distribution.", low=0
    )
