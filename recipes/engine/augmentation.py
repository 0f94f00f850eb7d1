"""Augmentation by the names of the flags: on the host in tf.data, or on the device."""

import keras
from absl import flags

import keras_spa as spa

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "augment",
    "none",
    ["none", "crop_flip", "auto_augment", "sim_augment"],
    "crop_flip: 4 pixels of padding, random crop and flip; auto_augment: the same, "
    "then AutoAugment's CIFAR-10 policy and Cutout of 16 pixels; sim_augment: SimCLR's",
)
flags.DEFINE_enum(
    "augment_on",
    "device",
    ["host", "device"],
    "Where: in a tf.data pipeline, or as layers of the model.",
)
flags.DEFINE_enum("mix", "none", ["none", "mixup", "cutmix"], "Mixing of two images.")
flags.DEFINE_float("mix_alpha", 1.0, "Parameter of the mixing's Beta distribution.", 0)


def on_host():
    """Whether batches come augmented or mixed from tf.data."""
    some = FLAGS.augment != "none" or FLAGS.mix != "none"
    return some and FLAGS.augment_on == "host"


def layers(seed):
    """The layers of --augment, in order."""
    if FLAGS.augment == "none":
        return []
    if FLAGS.augment == "sim_augment":
        return [spa.data.SimAugment(seed=seed)]
    plain = [spa.data.RandomCropFlip(padding=4, seed=seed)]
    if FLAGS.augment == "crop_flip":
        return plain
    return [
        *plain,
        spa.data.AutoAugment(seed=seed + 1),
        spa.data.Cutout(16, seed=seed + 2),
    ]


def mix(seed):
    """The layer of --mix, or None."""
    if FLAGS.mix == "mixup":
        return keras.layers.MixUp(FLAGS.mix_alpha, seed=seed)
    if FLAGS.mix == "cutmix":
        return keras.layers.CutMix(FLAGS.mix_alpha, seed=seed)
    return None
