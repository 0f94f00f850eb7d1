"""ImageNet-LT with ResNet-50."""

import keras

import keras_spa as spa
from engine.config import RunConfig
from engine.task import Task, random_images

MEAN, VARIANCE = (123.675, 116.28, 103.53), (58.395**2, 57.12**2, 57.375**2)
SHAPE, CLASSES = (224, 224, 3), 1000
FEATURES = 2048


def load(config: RunConfig) -> spa.data.LongTailedData:
    if config.smoke:
        return random_images(CLASSES, (32, 32, 3), config.seed)
    return spa.data.load("imagenet_lt", data_dir=config.data_dir)


def backbone(config: RunConfig) -> keras.Model:
    """ResNet-50 from uint8 images; with --smoke a projection of tiny ones."""
    shape = (32, 32, 3) if config.smoke else SHAPE
    inputs = keras.Input(shape, dtype="uint8")
    x = keras.layers.Normalization(mean=MEAN, variance=VARIANCE)(inputs)
    if config.smoke:
        x = keras.layers.Dense(FEATURES)(keras.layers.GlobalAveragePooling2D()(x))
    else:
        x = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )(x)
    return keras.Model(inputs, x)


def num_features(config: RunConfig) -> int:
    return FEATURES


IMAGENET = Task(
    "ImageNet-LT",
    load,
    backbone,
    num_features,
    CLASSES,
    image_shape=SHAPE,
    fixed=("data", "imbalance_factor", "max_count", "order", "validation_per_class"),
    defaults={
        "imbalance_factor": 256.0,  # what the lists have: 1,280 over 5
        "epochs": 90,
        "batch_size": 256,
        "weight_decay": 5e-4,
        "schedule": "cosine",
    },
)
