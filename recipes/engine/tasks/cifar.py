"""What the two CIFAR recipes share: data by a flag, and the residual network."""

import functools

import keras
from absl import flags

import keras_spa as spa
from engine import job

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "depth", "32", ["8", "14", "20", "32", "44", "56"], "Depth of the residual network."
)
flags.DEFINE_enum(
    "width", "16", ["16", "32", "64"], "Channels of its first stage; d is 4 times that."
)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # of CIFAR-10, for both


def task(title, name, num_classes):
    return job.Task(
        title=title,
        load=functools.partial(load, name, num_classes),
        backbone=backbone,
        num_features=num_features,
        num_classes=num_classes,
    )


def load(name, num_classes, seed):
    """The same images for every seed: the community's subset."""
    if FLAGS.smoke:
        return job.tiny_data(num_classes, (32, 32, 3), seed)
    return spa.data.load(
        FLAGS.data or name,
        FLAGS.imbalance_factor,
        max_count=FLAGS.max_count,
        order=FLAGS.order,
        validation_per_class=FLAGS.validation_per_class,
        data_dir=FLAGS.data_dir,
    )


def backbone():
    """uint8 images -> features, normalised by the published means and deviations."""
    depth = 8 if FLAGS.smoke else int(FLAGS.depth)
    network = spa.models.resnet_cifar(depth, int(FLAGS.width))
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    scale = [1 / (255 * std) for std in STD]
    offset = [-mean / std for mean, std in zip(MEAN, STD, strict=True)]
    x = keras.layers.Rescaling(scale, offset)(inputs)
    return keras.Model(inputs, network(x), name=f"normalised_{network.name}")


def num_features():
    return 4 * int(FLAGS.width)
