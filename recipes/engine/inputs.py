"""What `fit` and evaluation are fed with: batches of arrays, or a tf.data pipeline.

Augmentation works on the host, in the pipeline, or on the device, as layers of the
model.
"""

from typing import Any

import keras

import keras_spa as spa
from engine.config import RunConfig


def training_inputs(
    config: RunConfig,
    data: spa.data.LongTailedData,
    image_size: int,
    steps: int,
    epoch: int,
    step: int,
) -> tuple[dict[str, Any], list[keras.callbacks.Callback]]:
    """Arguments of `fit` for data from a step of an epoch on, and their callbacks.

    `steps` is the number of them in an epoch; files are read in `image_size`.
    """
    if augments_on_host(config) or isinstance(data.train.images, spa.data.ImageFiles):
        x = spa.data.pipeline(
            data.train,
            config.batch_size,
            image_size=image_size,
            seed=config.seed,
            augment=augmentation_layers(config),
            mix=mixing_layer(config),
            num_classes=data.num_classes,
            repeat=True,
            first_epoch=epoch,
            first_batch=step,
        )
        return {"x": x, "steps_per_epoch": steps - step, "shuffle": False}, []
    x = spa.data.Batches(
        data.train, config.batch_size, config.seed, first_epoch=epoch, first_batch=step
    )
    follow = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda now, logs: x.start(now, step if now == epoch else 0)
    )
    return {"x": x, "shuffle": False}, [follow]


def validation_inputs(
    config: RunConfig, data: spa.data.LongTailedData, image_size: int
) -> dict[str, Any]:
    """Arguments of `fit` for --validate_every."""
    if not config.validate_every or data.validation is None:
        return {}
    images = unaugmented(data.validation, config.batch_size, image_size)
    return {"validation_data": images, "validation_freq": config.validate_every}


def unaugmented(split: spa.data.Split, batch_size: int, image_size: int) -> Any:
    """Batches of files, in order; arrays as they are."""
    if isinstance(split.images, spa.data.ImageFiles):
        return spa.data.pipeline(
            split, batch_size, training=False, image_size=image_size
        )
    return tuple(split)


def augments_on_host(config: RunConfig) -> bool:
    """Whether batches come augmented or mixed from tf.data."""
    augmented = config.augment != "none" or config.mix != "none"
    return augmented and config.augment_on == "host"


def augmentation_layers(config: RunConfig) -> list[keras.Layer]:
    """The layers of --augment, in order."""
    seed = config.seed
    if config.augment == "none":
        return []
    if config.augment == "sim_augment":
        return [spa.data.SimAugment(seed=seed)]
    layers = [spa.data.RandomCropFlip(padding=4, seed=seed)]
    if config.augment == "auto_augment":
        layers.append(spa.data.AutoAugment(seed=seed + 1))
        layers.append(spa.data.Cutout(16, seed=seed + 2))
    if config.augment == "rand_augment":
        import keras_cv  # takes seconds

        layers.append(keras_cv.layers.RandAugment((0, 255), seed=seed + 1))
    return layers


def augmented_backbone(config: RunConfig, network: keras.Model) -> keras.Model:
    """The network behind the layers that augment on the device, if there are any."""
    layers = [] if augments_on_host(config) else augmentation_layers(config)
    if not layers:
        return network
    inputs = keras.Input(network.input_shape[1:], dtype="uint8")
    x = inputs
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, network(x), name=f"augmented_{network.name}")


def mixing_layer(config: RunConfig) -> keras.Layer | None:
    """The layer of --mix, or None."""
    if config.mix == "mixup":
        return keras.layers.MixUp(config.mix_alpha, seed=config.seed)
    if config.mix == "cutmix":
        return keras.layers.CutMix(config.mix_alpha, seed=config.seed)
    return None
