"""Small models of images to export, and what their artifacts must answer."""

import importlib.util

import keras
import numpy as np

import keras_spa as spa

FORMATS = {"model.keras": None}  # what this backend writes, by the name of the artifact
if keras.backend.backend() != "torch":
    FORMATS["model"] = "tf_saved_model"
if keras.backend.backend() == "tensorflow":
    FORMATS["model.tflite"] = "litert"
    if importlib.util.find_spec("tf2onnx"):
        FORMATS["model.onnx"] = "onnx"


def images(count=7):
    return np.random.RandomState(0).randint(0, 256, (count, 8, 8, 3)).astype("uint8")


def image_model(dtype="uint8", alignment=None, classifier=None):
    inputs = keras.Input((8, 8, 3), dtype=dtype)
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x))
    backbone = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    return spa.SpAModel(backbone, classifier or keras.layers.Dense(5), alignment)


def logits_and_probabilities(model, x):
    """By NumPy from the live model's logits."""
    logits = keras.ops.convert_to_numpy(keras.ops.cast(model(x), "float32"))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits, powers / powers.sum(axis=1, keepdims=True)


def assert_close(outputs, model, x, atol=1e-5):
    for values, wanted in zip(outputs, logits_and_probabilities(model, x), strict=True):
        np.testing.assert_allclose(values, wanted, atol=atol)
