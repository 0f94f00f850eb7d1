"""Quantized kernels and LoRA: read as they compute, refused where a kernel is moved.

Before, the codes of int8 were taken for weights, float8 ended in Keras' own error,
int4 and LoRA in messages that contradicted themselves.
"""

import importlib
import warnings

import keras
import numpy as np
import pytest
import small_glmc
from other_heads import COUNTS, LOGITS, X, Y, model
from scipy.special import softmax

import keras_spa as spa
from keras_spa.trained import linear_classifier

NUMBERS = ("exponent_efficiency", "noise_exponent_efficiency", "noise_cosine")
TOLERANCE = {"int8": 0.02, "float8": 0.02, "int4": 0.2, "gptq": 0.2, "awq": 0.2}


def plain(activation=None):
    made = model(keras.layers.Dense(3, activation))
    made.layers[-1].bias.assign([0.3, -0.2, 0.5])
    return made


def calibrated(mode, made):
    """Quantized by hand: Keras' own way is for models of text."""
    quantizers = importlib.import_module(f"keras.src.quantizers.{mode}")
    layer, features = made.layers[-1], made.layers[0](X)
    config = {"group_size": -1, "quantization_layer_structure": {}}
    if mode == "gptq":
        config = keras.quantizers.GPTQConfig(None, None, **config)
        layer.quantize(mode, config=config)
        worker = quantizers.GPTQ(layer, config)
        worker.update_hessian_with_batch(features)
        worker.quantize_and_correct_layer()
    else:
        config = keras.quantizers.AWQConfig(None, None, **config)
        layer.quantize(mode, config=config)
        worker = quantizers.AWQ(layer, config)
        worker.update_activation_magnitudes(features)
        worker.quantize_layer()
    return made


def quantized(mode, activation=None):
    made = plain(activation)
    if mode in ("gptq", "awq"):
        return calibrated(mode, made)
    made.layers[-1].quantize(mode)
    return made


MODES = pytest.mark.parametrize("mode", TOLERANCE)


@MODES
def test_a_quantized_head_is_read_as_its_codes_stand_for(mode):
    made, whole = quantized(mode), plain()
    kernel, bias = whole.layers[-1].get_weights()
    observer = spa.trained.Observer(made)
    weights, biases = linear_classifier(observer.model)
    apart = np.abs(weights.T - kernel).max() / np.abs(kernel).max()
    assert apart < TOLERANCE[mode]
    np.testing.assert_allclose(biases, bias, atol=1e-5)
    features, logits = observer(X)
    step = (
        np.abs(features).max()
        / (10 if mode == "float8" else 100)
        * np.abs(weights).sum(axis=1).max()
    )
    np.testing.assert_allclose(features @ weights.T + biases, logits, atol=step)
    reports = [spa.diagnose(m, (X, Y), COUNTS, verbose=0) for m in (made, whole)]
    one, other = ([r.metrics[name] for name in NUMBERS] for r in reports)
    np.testing.assert_allclose(one, other, atol=TOLERANCE[mode])


MOVERS = {
    "align": lambda made: spa.align(made, (X, Y), verbose=0),
    "by name": lambda m: spa.align(m, (X, Y), spa.SpASLERP.paper(0.3), verbose=0),
    "choose": lambda made: spa.choose_alignment(made, (X, Y), verbose=0),
    "normalize": lambda made: spa.trained.normalize_head(made, tau=1.0),
    "retrain": lambda m: spa.trained.retrain_head(m, (X, Y), steps=2, verbose=0),
    "scale": lambda m: spa.trained.scale_head(m, (X, Y), steps=2, verbose=0),
}


@MODES
@pytest.mark.parametrize("name", MOVERS)
def test_what_moves_a_kernel_says_quantize_afterwards(mode, name):
    with pytest.raises(ValueError, match=f"align first, .*quantized to {mode}"):
        MOVERS[name](quantized(mode))


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_logits_of_a_quantized_softmax_are_its_own(mode):
    made = quantized(mode, "softmax")
    _, logits = spa.trained.Observer(made)(X)
    probabilities = keras.ops.convert_to_numpy(made(X))
    np.testing.assert_allclose(softmax(logits, axis=1), probabilities, atol=1e-5)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_spa_model_is_quantized_after_training(mode, tmp_path):
    made = spa.SpAModel.from_model(plain(), "spa_slerp")
    made.compile("sgd", LOGITS)
    made.fit(X, Y, verbose=0)
    before = made.predict(X, verbose=0)
    cosine = made.evaluate(X, Y, verbose=0, return_dict=True)["alignment"]
    made.quantize(mode)
    np.testing.assert_allclose(made.predict(X, verbose=0), before, atol=0.6)
    made.compile("sgd", LOGITS)
    after = made.evaluate(X, Y, verbose=0, return_dict=True)["alignment"]
    assert abs(after - cosine) < 0.1
    with pytest.raises(ValueError, match=f"quantize after.*quantized to {mode}"):
        made.fit(X, Y, verbose=0)
    made.save(tmp_path / "quantized.keras")
    loaded = keras.saving.load_model(tmp_path / "quantized.keras")
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0), made.predict(X, verbose=0), atol=1e-5
    )


@pytest.mark.parametrize("head", ["fc", "classifier"])
def test_glmc_is_quantized_after_training(head):
    """Before, codes were taken for weights, and aligned."""
    made = small_glmc.glmc("spa_proj")
    getattr(made, head).quantize("int8")
    made.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="quantize after.*quantized to int8"):
        made.train_on_batch(*small_glmc.plain_views())


def lora(made):
    layer = made.layers[-1]
    layer.enable_lora(2)
    random = np.random.RandomState(1)
    layer.lora_kernel_a.assign(random.randn(6, 2) / 2)
    layer.lora_kernel_b.assign(random.randn(2, 3) / 2)
    return made


def test_lora_is_read_as_the_sum():
    made, whole = lora(plain()), plain()
    whole.layers[-1].kernel.assign(made.layers[-1].kernel)
    reports = [spa.diagnose(m, (X, Y), COUNTS, verbose=0) for m in (made, whole)]
    one, other = ([r.metrics[name] for name in NUMBERS] for r in reports)
    np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("name", MOVERS)
def test_what_moves_a_kernel_says_no_lora(name):
    with pytest.raises(ValueError, match="without LoRA.*in its place"):
        MOVERS[name](lora(plain()))


@pytest.mark.parametrize("alignment", ["spa_slerp", "spa_proj"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_training_says_no_lora(alignment, when):
    made = plain()
    if when == "before":
        lora(made)
    model = spa.SpAModel.from_model(made, alignment)
    if when == "after":
        model.classifier.enable_lora(2)
    model.compile("sgd", LOGITS)
    for call in (model.fit, model.train_on_batch):
        with pytest.raises(ValueError, match="`classifier` must be without LoRA"):
            call(X, Y)


def test_a_penalty_reaches_lora():
    model = spa.SpAModel.from_model(lora(plain()), spa.SpAReg(0.5))
    model.compile("sgd", LOGITS)
    before = model.get_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, Y, verbose=0)
    names = [weight.path.split("/")[-1] for weight in model.weights]
    moved = {
        name
        for name, old, new in zip(names, before, model.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    assert {"lora_kernel_a", "lora_kernel_b"} <= moved
