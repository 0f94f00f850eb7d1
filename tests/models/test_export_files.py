"""Exported ONNX and LiteRT files answer as the model does, in float32."""

import importlib.util

import keras
import numpy as np
import pytest
from exports import assert_close, image_model, images

import keras_spa as spa

BACKEND = keras.backend.backend()
NEEDED = {"tensorflow": ("tf2onnx",), "jax": ("jax2onnx",), "torch": ("torch",)}
HAS_ONNX = all(map(importlib.util.find_spec, (*NEEDED[BACKEND], "onnx", "onnxruntime")))
onnx_files = pytest.mark.skipif(not HAS_ONNX, reason="needs a converter to ONNX")


@onnx_files
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_an_onnx_file_answers_as_the_live_model(tmp_path, dtype):
    import onnxruntime

    model = image_model(dtype, classifier=spa.layers.CosineDense(5))
    model.export(tmp_path / "model.onnx", "onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (inputs,) = session.get_inputs()
    for size in (1, 7):
        batch = images(7)[:size]
        outputs = session.run(
            ["logits", "probabilities"], {inputs.name: batch.astype(dtype)}
        )
        assert_close(outputs, model, batch)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="Keras: litert by TensorFlow")
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning")
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_litert_file_answers_as_the_live_model(tmp_path, dtype):
    import tensorflow as tf

    model = image_model(dtype)
    model.export(tmp_path / "model.tflite", "litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    run = interpreter.get_signature_runner("serving_default")
    for size in (1, 7):
        batch = images(7)[:size]
        outputs = run(inputs=batch.astype(dtype))
        assert_close((outputs["logits"], outputs["probabilities"]), model, batch)


@onnx_files
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_onnx_of_a_model_in_half_precision_computes_in_float32(tmp_path, policy):
    import onnxruntime

    keras.config.set_dtype_policy(policy)
    model = image_model(alignment=spa.SpAReg())
    model.export(tmp_path / "model.onnx", "onnx", verbose=False)
    keras.config.set_dtype_policy("float32")
    wanted = image_model(alignment=spa.SpAReg())
    wanted.set_weights(model.get_weights())
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    outputs = session.run(["logits", "probabilities"], {"inputs": images()})
    assert_close(outputs, wanted, images())
    assert_close(outputs, model, images(), atol=0.05)
    assert model.backbone.layers[2].compute_dtype == policy.removeprefix("mixed_")


@onnx_files
def test_onnx_in_float32_of_a_model_with_functions_of_its_own(tmp_path):
    import onnxruntime

    def model_in(policy):
        keras.config.set_dtype_policy(policy)
        squares = keras.layers.Lambda(lambda x: keras.ops.square(x))
        dense = keras.layers.Dense(5)
        backbone = keras.Sequential([keras.Input((4,)), squares, dense])
        model = spa.SpAModel(backbone, keras.layers.Dense(3), dtype=policy)
        keras.config.set_dtype_policy("float32")
        return model

    model, wanted = model_in("mixed_bfloat16"), model_in("float32")
    wanted.set_weights(model.get_weights())
    model.export(tmp_path / "model.onnx", "onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    x = np.ones((7, 4), "float32")
    assert_close(session.run(["logits", "probabilities"], {"inputs": x}), wanted, x)
