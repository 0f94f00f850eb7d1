"""The network that is trained: uint8 images in, features out."""

import importlib
from typing import Any

import keras
from keras import layers

import keras_spa as spa
from keras_spa._keras_private import all_layers
from keras_spa.cli.feed import SMALL

Shape = tuple[int, int, int]
# Of keras.applications: the class, and whether it scales pixels by itself.
APPLICATIONS = {
    "mobilenet_v2": ("MobileNetV2", False),
    "mobilenet_v3_small": ("MobileNetV3Small", True),
    "mobilenet_v3_large": ("MobileNetV3Large", True),
    "efficientnet_b0": ("EfficientNetB0", True),
    "efficientnet_v2_b0": ("EfficientNetV2B0", True),
    "efficientnet_v2_s": ("EfficientNetV2S", True),
    "resnet50_v2": ("ResNet50V2", False),
    "convnext_tiny": ("ConvNeXtTiny", True),
}


def default_backbone(shape: Shape) -> str:
    return "resnet_cifar" if max(shape[:2]) <= SMALL else "mobilenet_v3_small"


def augmentation(arguments: Any, shape: Shape) -> keras.Layer | None:
    """The augmentation of arrays: small ones are moved, others cropped; mirrored."""
    if arguments.augment == "none":
        return None
    if max(shape[:2]) <= SMALL:
        padding = max(1, min(shape[:2]) // 8)
        return spa.data.RandomCropFlip(padding, seed=arguments.seed)
    return spa.data.ImageNetTrain(shape[:2], seed=arguments.seed)


def augmented(network: keras.Model, augment: keras.Layer | None) -> keras.Model:
    """The network behind its augmentation, which only training needs."""
    if augment is None:
        return network
    inputs = keras.Input(network.input_shape[1:], dtype="uint8", name="images")
    return keras.Model(inputs, network(augment(inputs)), name="augmented")


def backbone(arguments: Any, shape: Shape, steps: int) -> keras.Model:
    """Images (B, H, W, C), uint8, to features (B, d).

    Args:
        arguments: With `backbone`, `depth`, `width` and `weights`.
        shape: Height, width, channels.
        steps: Of the whole training.

    Raises:
        ValueError: a network that cannot be made of these.
    """
    inputs = keras.Input(shape, dtype="uint8", name="images")
    name = arguments.backbone or default_backbone(shape)
    if name == "resnet_cifar":
        features = _resnet(arguments, inputs)
    elif name.startswith("hub:"):
        features = _of_kerashub(name.removeprefix("hub:"), _as_rgb(inputs))
    else:
        features = _application(name, arguments.weights, inputs)
    model = keras.Model(inputs, features, name=name.replace(":", "_").replace("/", "_"))
    # That of some networks is made for 10⁵ steps: after few, none would be forgotten.
    momentum = min(0.9, max(0.5, 1 - 8 / steps))
    for layer in all_layers(model):
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = min(layer.momentum, momentum)
    return model


def _resnet(arguments: Any, x: Any) -> Any:
    if arguments.weights != "none":
        raise ValueError("--weights must be none with --backbone=resnet_cifar")
    height, width = x.shape[1:3]
    x = layers.Rescaling(1 / 127.5, -1)(x)
    missing = ((0, -height % 4), (0, -width % 4))
    if any(map(any, missing)):
        x = layers.ZeroPadding2D(missing)(x)
    return spa.models.resnet_cifar(
        arguments.depth, arguments.width, input_shape=x.shape[1:]
    )(x)


def _application(name: str, weights: str, x: Any) -> Any:
    kind, scales = APPLICATIONS[name]
    x = _as_rgb(x) if x.shape[-1] == 1 else x
    x = x if scales else layers.Rescaling(1 / 127.5, -1)(x)
    try:
        network = getattr(keras.applications, kind)(
            include_top=False,
            weights=None if weights == "none" else weights,
            input_shape=x.shape[1:],
            pooling="avg",
        )
    except Exception as error:  # of many kinds: no network, another shape, a bad file
        raise ValueError(
            f"--backbone={name} with --weights={weights}: {error}"
        ) from error
    return network(x)


def _as_rgb(x: Any) -> Any:
    return layers.Concatenate()([x] * 3) if x.shape[-1] == 1 else x


def _of_kerashub(preset: str, x: Any) -> Any:
    try:
        hub = importlib.import_module("keras_hub")
    except ImportError as error:
        raise ValueError(
            "--backbone=hub:PRESET needs KerasHub (pip install keras-hub)"
        ) from error
    try:
        network = hub.models.Backbone.from_preset(preset)
    except Exception as error:  # of many kinds
        raise ValueError(f"--backbone=hub:{preset}: {error}") from error
    x = layers.Rescaling(1 / 255)(x)
    features = network(x)
    if len(features.shape) == 4:
        return layers.GlobalAveragePooling2D()(features)
    return layers.GlobalAveragePooling1D()(features)
