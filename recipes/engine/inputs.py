"""What `fit` and evaluation are fed with: batches of arrays, or a tf.data pipeline.

Augmentation works on the host, in the pipeline, or on the device, as layers of the
model.
"""

import dataclasses
from typing import Any

import keras

import keras_spa as spa
from engine.config import RunConfig
from engine.names import PARTNERED, VIEWS

RAND_AUGMENT = 2, 10, 0.5  # operations, magnitude, probability of each


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
    partner = config.resample_weighting if config.method in PARTNERED else None
    files = isinstance(data.train.images, spa.data.ImageFiles)
    if comes_from_pipeline(config, data):
        layers: Any = views_layer(config, files)  # each a part of the file of its own
        if layers is None and augments_on_host(config):  # else the model has them
            layers = augmentation_layers(config, files)
        x = spa.data.pipeline(
            data.train,
            config.batch_size,
            image_size=image_size,
            seed=config.seed,
            partner=partner,
            augment=layers,
            mix=mixing_layer(config),
            num_classes=data.num_classes,
            repeat=True,
            first_epoch=epoch,
            first_batch=step,
        )
        return {"x": x, "steps_per_epoch": steps - step, "shuffle": False}, []
    x = spa.data.Batches(
        data.train,
        config.batch_size,
        config.seed,
        first_epoch=epoch,
        first_batch=step,
        partner=partner,
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


def comes_from_pipeline(config: RunConfig, data: spa.data.LongTailedData) -> bool:
    """Whether training batches are tf.data's: augmented there, or of image files."""
    files = isinstance(data.train.images, spa.data.ImageFiles)
    return augments_on_host(config) or files


def augments_on_host(config: RunConfig) -> bool:
    """Whether batches come augmented or mixed from tf.data."""
    augmented = config.augment != "none" or config.mix != "none"
    return augmented and config.augment_on == "host"


def augmentation_layers(
    config: RunConfig, from_files: bool = False
) -> list[keras.Layer]:
    """The layers of --augment, in order.

    Files are cropped at random when they are read: then SimCLR's crop is left out, and,
    for bcl, its blur, which BCL goes without; before RandAugment they change in colour,
    as BCL's do.
    """
    seed, whole = config.seed, (1.0, 1.0)
    if config.augment == "none":
        return []
    if config.augment == "sim_augment":
        if not from_files:
            return [spa.data.SimAugment(seed=seed)]
        blur = 0.0 if config.method == "bcl" else None
        return [spa.data.SimAugment(scale=whole, ratio=whole, blur=blur, seed=seed)]
    if config.augment == "rand_augment" and from_files:
        colours = spa.data.SimAugment(
            scale=whole,
            ratio=whole,
            hue=0,
            jitter_probability=1,
            grayscale=0,
            blur=0,
            seed=seed,
        )
        return [colours, spa.data.RandAugment(*RAND_AUGMENT, seed=seed + 1)]
    layers = [spa.data.RandomCropFlip(padding=4, seed=seed)]
    if config.augment == "auto_augment":
        layers.append(spa.data.AutoAugment(seed=seed + 1))
        layers.append(spa.data.Cutout(16, seed=seed + 2))
    if config.augment == "rand_augment":
        layers.append(spa.data.RandAugment(*RAND_AUGMENT, seed=seed + 1))
    return layers


def views_layer(config: RunConfig, from_files: bool = False) -> spa.data.Views | None:
    """The views that a method wants, each augmented anew, or None.

    bcl contrasts all but the first, which may be augmented in another way.
    """
    if config.method not in VIEWS:
        return None
    views = [augmentation_layers(config, from_files)] * VIEWS[config.method]
    if config.method == "bcl":
        other = dataclasses.replace(config, augment=config.contrast_augment)
        views[1:] = [augmentation_layers(other, from_files)] * (len(views) - 1)
    return spa.data.Views(views, config.seed)


def augmented_backbone(
    config: RunConfig, network: keras.Model, from_files: bool = False
) -> keras.Model:
    """The network behind the layers that augment on the device, if there are any."""
    host = augments_on_host(config)
    layers = [] if host else augmentation_layers(config, from_files)
    if not layers or config.method in VIEWS:  # whose views come from elsewhere
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
