"""A small GLMC and images for it, which several tests share."""

import keras
import numpy as np

import keras_spa as spa

COUNTS = [30, 14, 4]
LABELS = np.repeat(np.arange(3), COUNTS).astype("int32")
IMAGES = np.random.RandomState(0).randint(0, 256, (48, 8, 8, 3)).astype("uint8")
IMAGES[:, :, :, 0] = 80 * LABELS[:, None, None]
DATA, MOMENTUM, EPOCHS = (IMAGES, LABELS), 0.7, 4


def glmc(alignment=None, rate=0.05, views=True, eager=True, **kwargs):
    """The same initial weights at every call."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 3), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.BatchNormalization(momentum=MOMENTUM),
            layers.GlobalAveragePooling2D(),
            layers.Dense(6),
        ]
    )
    augment = spa.data.Views([spa.data.RandomCropFlip(1)] * 2, seed=1)
    kwargs = {"class_counts": COUNTS, "epochs": EPOCHS, "seed": 2, **kwargs}
    kwargs |= {"augment": augment} if views else {}
    model = spa.models.GLMC(backbone, layers.Dense(3), alignment, **kwargs)
    optimizer = keras.optimizers.SGD(rate, momentum=0.9)
    model.compile(optimizer, metrics=["accuracy"], run_eagerly=eager)
    return model


def plain_views(images=IMAGES, labels=LABELS):
    """A batch whose views are given, and its partners: the same in reverse."""
    x = {"images": (images, images), "partner": (images[::-1], images[::-1])}
    return {**x, "partner_labels": labels[::-1]}, labels
