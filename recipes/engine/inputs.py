"""What `fit` and evaluation are fed with: batches of arrays, or a tf.data pipeline."""

import keras
from absl import flags

import keras_spa as spa
from engine import augmentation

FLAGS = flags.FLAGS


def training(data, seed, steps, epoch, step):
    """Arguments of `fit` for data from a step of an epoch on, and their callbacks.

    `steps` is the number of them in an epoch.
    """
    if augmentation.on_host() or isinstance(data.train.images, spa.data.ImageFiles):
        x = spa.data.pipeline(
            data.train,
            FLAGS.batch_size,
            seed=seed,
            augment=augmentation.layers(seed),
            mix=augmentation.mix(seed),
            num_classes=data.num_classes,
            repeat=True,
            first_epoch=epoch,
            first_batch=step,
        )
        return {"x": x, "steps_per_epoch": steps - step, "shuffle": False}, []
    x = spa.data.Batches(
        data.train, FLAGS.batch_size, seed, first_epoch=epoch, first_batch=step
    )
    follow = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda now, logs: x.start(now, step if now == epoch else 0)
    )
    return {"x": x, "shuffle": False}, [follow]


def validation(data):
    """Arguments of `fit` for --validate_every."""
    if not FLAGS.validate_every:
        return {}
    images = unaugmented(data.validation)
    return {"validation_data": images, "validation_freq": FLAGS.validate_every}


def unaugmented(split):
    """Batches of files, in order; arrays as they are."""
    if isinstance(split.images, spa.data.ImageFiles):
        return spa.data.pipeline(split, FLAGS.batch_size, training=False)
    return tuple(split)
