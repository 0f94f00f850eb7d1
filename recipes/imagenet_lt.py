"""ImageNet-LT with ResNet-50: each row of the table is one command.

    python recipes/imagenet_lt.py --data_dir=DIR \
        --flagfile=recipes/flagfiles/imagenet_lt/ce.flags

DIR holds ImageNet (train/<wnid>/*.JPEG, val/*.JPEG, or a TensorFlow Datasets
`imagenet2012`) and the lists ImageNet_LT_train.txt and ImageNet_LT_test.txt. Files are
read, decoded, cropped and flipped by tf.data while the device trains. --smoke tries a
command in seconds, on random images and a small network.
"""

import keras
from absl import flags
from engine import job

import keras_spa as spa

FLAGS = flags.FLAGS
MEAN, VARIANCE = (123.675, 116.28, 103.53), (58.395**2, 57.12**2, 57.375**2)
CLASSES = 1000
FEATURES = 2048


def load(seed):
    if FLAGS.smoke:
        return job.tiny_data(CLASSES, (32, 32, 3), seed)
    return spa.data.load("imagenet_lt", data_dir=FLAGS.data_dir)


def backbone():
    """ResNet-50 from uint8 images; with --smoke a projection of tiny ones."""
    shape = (32, 32, 3) if FLAGS.smoke else (224, 224, 3)
    inputs = keras.Input(shape, dtype="uint8")
    x = keras.layers.Normalization(mean=MEAN, variance=VARIANCE)(inputs)
    if FLAGS.smoke:
        x = keras.layers.Dense(FEATURES)(keras.layers.GlobalAveragePooling2D()(x))
    else:
        x = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=shape, pooling="avg"
        )(x)
    return keras.Model(inputs, x)


def num_features():
    return FEATURES


TASK = job.Task(
    "ImageNet-LT",
    load,
    backbone,
    num_features,
    CLASSES,
    defaults={
        "imbalance_factor": 256.0,  # what the lists have: 1,280 over 5
        "epochs": 90,
        "batch_size": 256,
        "weight_decay": 5e-4,
        "schedule": "cosine",
    },
)

if __name__ == "__main__":
    job.main(TASK)
