"""What every public class and function owes its users."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import pytest
from public import PUBLIC

import keras_spa as spa

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(spa.__path__, "keras_spa.")
    if "._train_step." not in name  # one of them needs PyTorch
]
EXAMPLES = {
    "ARB": spa.losses.ARB(reduction="sum"),
    "Alignment": spa.Alignment(),
    "AlignmentCosine": spa.metrics.AlignmentCosine(center=False),
    "AutoAugment": spa.data.AutoAugment(seed=3),
    "BCL": spa.models.BCL(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        spa.layers.CosineDense(2),
        spa.SpAReg(0.7),
        contrast_weight=0.6,
        temperature=0.2,
        hidden_units=7,
        embedding_units=5,
    ),
    "BatchNormalization": spa.layers.BatchNormalization(3, 0.5, 0.1, name="bn"),
    "BalancedSoftmax": spa.losses.BalancedSoftmax([5, 2], reduction="sum"),
    "ClassBalanced": spa.losses.ClassBalanced(
        spa.losses.LDAM([5, 2], scale=3.0), [5, 2], beta=0.5
    ),
    "ClassMeans": spa.layers.ClassMeans(5, momentum=0.5, name="means"),
    "Conv2D": spa.layers.Conv2D(3, 5, 2, "same", use_bias=False, name="conv"),
    "CosineDense": spa.layers.CosineDense(3, 2.0, learn_scale=True, name="cosine"),
    "CosineRamp": spa.CosineRamp(0.5, steps=7),
    "Cutout": spa.data.Cutout(8, fill=128, seed=1),
    "DisA": spa.layers.DisA(3, 0.5, epsilon=2.0, iterations=4, seed=7, name="disa"),
    "DotRegression": spa.losses.DotRegression(2.0, name="dots"),
    "ETFDense": spa.layers.ETFDense(3, seed=None, scale=2.0, name="etf"),
    "GLMC": spa.models.GLMC(
        keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]),
        keras.layers.Dense(2),
        spa.SpAReg(0.7),
        class_counts=[5, 2],
        epochs=7,
        augment=spa.data.Views([[], []]),
        aligned="both",
    ),
    "ImageNetEval": spa.data.ImageNetEval(32, resize=40),
    "ImageNetTrain": spa.data.ImageNetTrain(32, seed=2),
    "LabelAwareSmoothing": spa.losses.LabelAwareSmoothing([5, 2], 0.5, 0.2, "convex"),
    "LDAM": spa.losses.LDAM([5, 2], max_margin=0.3, scale=10.0, reduction=None),
    "LogitAdjusted": spa.losses.LogitAdjusted([5, 2], tau=0.3),
    "RandAugment": spa.data.RandAugment(3, 5, 0.5, seed=3),
    "RandomCropFlip": spa.data.RandomCropFlip(2, flip=False, seed=4),
    "RandomResizedCrop": spa.data.RandomResizedCrop(16, scale=(0.2, 1.0)),
    "ShotAccuracy": spa.metrics.ShotAccuracy([90, 30, 2], many=50, few=5, name="shots"),
    "SimAugment": spa.data.SimAugment(24, seed=5),
    "SpADense": spa.layers.SpADense(
        3, [spa.SpAReg(0.7), spa.SpASLERP()], momentum=0.5, use_bias=False, name="head"
    ),
    "SpAModel": spa.SpAModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]),
        keras.layers.Dense(2),
        spa.SpAReg(0.7),
    ),
    "SpAProj": spa.SpAProj(0.1, center=False),
    "SpAReg": spa.SpAReg(-0.5, center=False, gradient="features"),
    "Views": spa.data.Views([spa.data.Cutout(8), [], [spa.data.RandomCropFlip()]], 5),
    "SpASLERP": spa.SpASLERP(0.1, 0.5, center=True, norm="equal"),
}


CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}

# Keras does not serialize callbacks, which are the classes without a configuration.
SERIALIZABLE = [name for name, thing in CLASSES.items() if hasattr(thing, "get_config")]


@pytest.mark.parametrize("name", SERIALIZABLE)
def test_class_is_registered_and_survives_serialization(name):
    instance = EXAMPLES[name]
    assert keras.saving.get_registered_name(CLASSES[name]) == f"keras_spa>{name}"
    config = keras.saving.serialize_keras_object(instance)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(instance)
    assert copy.get_config() == instance.get_config()


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_has_an_example_and_documents_every_argument(name):
    thing = PUBLIC[name]
    text = thing.__doc__
    assert ">>>" in text
    documented = text.replace("`", "")
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            assert parameter.name in documented, parameter.name


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_as_printed(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
