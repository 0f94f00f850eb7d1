"""Exported artifacts answer as the model does, alone, for batches of any size."""

import json
import logging
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import toys
from exports import assert_close, image_model, images

import keras_spa as spa

BACKEND = keras.backend.backend()
saved_models = pytest.mark.skipif(
    BACKEND == "torch", reason="Keras writes no batch-polymorphic SavedModel there"
)
ALONE = """
import json, sys
for name in ("keras", "keras_spa"):
    sys.modules[name] = None  # importing it raises ImportError
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load("exported")
images = np.load("images.npy")
answers = {name: {} for name in loaded.signatures}
for name, size in ((name, size) for name in answers for size in (1, 7)):
    dtype = loaded.signatures[name].structured_input_signature[1]["inputs"].dtype
    batch = tf.constant(images[:size].astype(dtype.name))
    outputs = loaded.signatures[name](inputs=batch)
    for key, value in outputs.items():
        answers[name][f"{key}{size}"] = [value.dtype.name, value.numpy().tolist()]
print(json.dumps(answers))
"""


@saved_models
@pytest.mark.parametrize("verbose", [None, True, False])
def test_where_an_export_is_and_what_it_takes_is_told_in_a_line(
    tmp_path, verbose, capfd
):
    path = tmp_path / "exported"
    image_model().export(path, verbose=verbose)
    shape = "(None, 8, 8, 3) uint8"
    line = f"Saved to {path}: {shape} -> logits, probabilities\n"
    assert capfd.readouterr().out == ("" if verbose is False else line)


@saved_models
@pytest.mark.process
@pytest.mark.parametrize(
    ("dtype", "policy"), [("uint8", "mixed_bfloat16"), ("float32", "float32")]
)
def test_a_saved_model_answers_alone_as_the_live_model(tmp_path, dtype, policy):
    keras.config.set_dtype_policy(policy)
    model = image_model(dtype, spa.SpAReg())
    model.export(tmp_path / "exported", verbose=False)
    np.save(tmp_path / "images.npy", images())
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    other = {"uint8": "serve_float32", "float32": "serve_uint8"}[dtype]
    assert set(answers) == {"serve", "serving_default", other}
    for outputs in answers.values():
        for size in (1, 7):
            pair = [outputs[f"{name}{size}"] for name in ("logits", "probabilities")]
            assert [kind for kind, _ in pair] == ["float32", "float32"]
            assert_close([values for _, values in pair], model, images(7)[:size])


@saved_models
def test_decimals_are_rounded_and_kept_in_range_for_a_model_of_uint8(tmp_path):
    import tensorflow as tf

    model = image_model("uint8")
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    x = images().astype("float32")
    shifts = np.random.RandomState(1).uniform(-0.49, 0.49, x.shape)
    x[x == 0], x[x == 255] = -3, 300
    near = np.clip(x, 0, 255)
    outputs = loaded.serve_float32(tf.constant((x + shifts).astype("float32")))
    pair = (outputs["logits"], outputs["probabilities"])
    assert_close(pair, model, near.astype("uint8"))


@saved_models
def test_several_inputs_by_name_and_features_that_are_no_images(tmp_path):
    import tensorflow as tf

    sizes = {"left": 3, "right": 2}
    inputs = {name: keras.Input((size,), name=name) for name, size in sizes.items()}
    x = keras.layers.Concatenate()(list(inputs.values()))
    model = spa.SpAModel(keras.Model(inputs, x), keras.layers.Dense(4))
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    assert set(loaded.signatures) == {"serve", "serving_default"}
    random = np.random.RandomState(0)
    x = {"left": random.randn(5, 3), "right": random.randn(5, 2)}
    x = {name: value.astype("float32") for name, value in x.items()}
    outputs = loaded.serve({name: tf.constant(value) for name, value in x.items()})
    assert_close((outputs["logits"], outputs["probabilities"]), model, x)


@saved_models
def test_a_backbone_without_declared_inputs_is_exported_once_it_is_built(tmp_path):
    import tensorflow as tf

    model = spa.SpAModel(keras.layers.Dense(5), keras.layers.Dense(4))
    with pytest.raises(ValueError, match="must be built before it is exported"):
        model.export(tmp_path / "exported")
    x, _ = toys.data(7)
    model(x)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    outputs = loaded.serve(tf.constant(x))
    assert_close((outputs["logits"], outputs["probabilities"]), model, x)


class Sum(keras.layers.Layer):
    """A backbone of two inputs that are declared nowhere."""

    def call(self, inputs):
        return inputs["left"] + inputs["right"]

    def compute_output_shape(self, shapes):
        return shapes["left"]


@saved_models
def test_undeclared_inputs_by_name(tmp_path):
    import tensorflow as tf

    x, _ = toys.data(7)
    inputs = {"left": x, "right": 2 * x}
    model = spa.SpAModel(Sum(), keras.layers.Dense(4))
    model(inputs)
    model.export(tmp_path / "exported", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "exported")
    outputs = loaded.serve({name: tf.constant(x) for name, x in inputs.items()})
    assert_close((outputs["logits"], outputs["probabilities"]), model, inputs)


@saved_models
def test_an_input_signature_takes_the_place_of_the_declared_inputs(tmp_path):
    import tensorflow as tf

    signature = [keras.InputSpec(shape=(None, 8, 8, 3), dtype="int32")]
    model = image_model("float32")
    path = tmp_path / "exported"
    model.export(path, verbose=False, input_signature=signature)
    loaded = tf.saved_model.load(path)
    assert set(loaded.signatures) == {"serve", "serving_default"}
    x = images().astype("int32")
    outputs = loaded.signatures["serve"](inputs=tf.constant(x))
    assert_close((outputs["logits"], outputs["probabilities"]), model, images())


@saved_models
def test_an_export_replaces_another_whole_or_not_at_all(tmp_path, monkeypatch):
    import tensorflow as tf

    path = tmp_path / "exported"
    image_model().export(path, verbose=False)
    (path / "old").touch()

    def fail(trackable, path, **kwargs):
        pathlib.Path(path).mkdir()
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(tf.saved_model, "save", fail)
        with pytest.raises(OSError, match="disk full"):
            image_model().export(path, verbose=False)
    assert (path / "old").exists()
    image_model().export(path, verbose=False)
    assert not (path / "old").exists()
    assert os.listdir(tmp_path) == ["exported"]


@saved_models
@pytest.mark.parametrize("verbose", [True, False])
def test_tensorflow_does_not_name_the_temporary_folder(tmp_path, verbose):
    logger, records = logging.getLogger("tensorflow"), []
    handler = logging.Handler()
    handler.emit = records.append
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        image_model().export(tmp_path / "exported", verbose=verbose)
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
    said = [record.getMessage() for record in records]
    assert not any("Assets written" in text for text in said)


@saved_models
def test_tensorflow_says_no_more_than_its_logger_lets_it(tmp_path, monkeypatch):
    logger, levels = logging.getLogger("tensorflow"), []
    before, set_level = logger.level, logger.setLevel
    set_level(logging.ERROR)
    watched = lambda level: (levels.append(level), set_level(level))  # noqa: E731
    monkeypatch.setattr(logger, "setLevel", watched)
    try:
        image_model().export(tmp_path / "exported", verbose=False)
        assert set(levels) == {logging.ERROR} == {logger.level}
    finally:
        set_level(before)


def test_what_cannot_be_exported_is_refused(tmp_path):
    model = image_model()
    with pytest.raises(ValueError, match="`format` must be one of .*'h5'"):
        model.export(tmp_path / "model", "h5")
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="`filepath` must not be a folder of somethin"):
        model.export(tmp_path)
    if BACKEND == "torch":
        with pytest.raises(ValueError, match="must not be 'tf_saved_model' on PyTorch"):
            model.export(tmp_path / "model")
    assert os.listdir(tmp_path) == ["thesis.txt"]
