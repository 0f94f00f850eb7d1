"""Models with a SpADense, under Keras' own `fit`, against `SpAModel`."""

import functools

import keras
import numpy as np
import pytest
import toys
from keras import ops

import keras_spa as spa
from keras_spa.layers import SpADense

ALIGNMENTS = {
    "reg": lambda: spa.SpAReg(0.5),
    "proj": lambda: spa.SpAProj(0.4),
    "slerp": lambda: spa.SpASLERP(spa.CosineRamp(0.3, 6)),
    "all": lambda: toys.all_alignments(6),
}
FED = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}


class Subclass(keras.Model):
    def __init__(self, backbone, head):
        super().__init__()
        self.backbone, self.head = backbone, head

    def call(self, inputs, training=None):
        features = self.backbone(inputs["image"], training=training)
        return self.head(features, inputs["label"], training=training)


def head(alignment, **kwargs):
    layer = SpADense(toys.CLASSES, alignment, name="head", **kwargs)
    layer.build((None, toys.FEATURES))
    dense = toys.dense(toys.FEATURES, toys.CLASSES)
    layer.kernel.assign(dense.kernel)
    return layer


def functional(backbone, head, weighted, label):
    inputs = {"image": keras.Input((toys.INPUTS,), name="image"), "label": label}
    if weighted:
        inputs["weight"] = keras.Input((), name="weight")
    logits = head(backbone(inputs["image"]), label, inputs.get("weight"))
    return keras.Model(inputs, logits)


def compiled(model, loss=None):
    model.compile(
        keras.optimizers.SGD(0.2, momentum=0.9),
        loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def own_model(form, alignment, weighted=False, soft=False, loss=None):
    if form == "subclass":
        return compiled(Subclass(toys.backbone(), head(alignment)), loss)
    shape, dtype = ((toys.CLASSES,), "float32") if soft else ((), "int32")
    label = keras.Input(shape, dtype=dtype, name="label")
    model = functional(toys.backbone(), head(alignment), weighted, label)
    return compiled(model, loss)


def fit(model, x, y, sample_weight=None):
    """The logs of `fit` with labels, and sample weights, among the inputs."""
    given = {"image": x, "label": y}
    if sample_weight is not None:
        given["weight"] = sample_weight
    fed = {
        "sample_weight": sample_weight,
        "callbacks": [spa.callbacks.ApplyUpdate()],
        **FED,
    }
    return model.fit(given, y, **fed).history


@pytest.fixture(scope="module")
def expected():
    """By name of an alignment: a trained SpAModel and its logs."""

    @functools.cache
    def trained(name):
        model = toys.model(ALIGNMENTS[name]())
        return model, model.fit(*toys.data(44), **FED).history

    return trained


def assert_same(model, logs, expected, expected_logs, **tolerance):
    layer = model.get_layer("head")
    assert len(model.trainable_variables) == 4
    pairs = [
        *zip(model.trainable_variables, expected.trainable_variables, strict=True),
        (layer.class_means.means, expected.class_means.means),
        (layer.class_means.seen, expected.class_means.seen),
        (logs["loss"], expected_logs["loss"]),
    ]
    for a, b in pairs:
        np.testing.assert_allclose(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b), **tolerance
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "name"),
    [*(("functional", name) for name in ALIGNMENTS), ("subclass", "all")],
)
def test_fit_gives_the_numbers_of_a_spa_model(expected, form, name):
    x, y = toys.data(44)  # the last batch is a smaller one
    model = own_model(form, ALIGNMENTS[name]())
    logs = fit(model, x, y)
    assert_same(model, logs, *expected(name), atol=1e-5)


def test_soft_labels_and_sample_weights_give_the_numbers_of_a_spa_model():
    x, y = toys.data(44)
    y = 0.9 * np.eye(toys.CLASSES, dtype="float32")[y] + 0.025
    weight = np.linspace(0.1, 2, len(y)).astype("float32")
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = toys.model(toys.all_alignments(6), loss=loss)
    expected_logs = expected.fit(x, y, sample_weight=weight, **FED).history
    model = own_model("functional", toys.all_alignments(6), True, True, loss)
    logs = fit(model, x, y, weight)
    assert_same(model, logs, expected, expected_logs, atol=1e-5)


@pytest.mark.slow
def test_mixed_precision_gives_the_numbers_of_a_spa_model():
    keras.config.set_dtype_policy("mixed_float16")
    x, y = toys.data(48)
    expected = toys.model(toys.all_alignments(6))
    expected_logs = expected.fit(x, y, **FED).history
    model = own_model("functional", toys.all_alignments(6))
    assert model.get_layer("head").kernel.dtype == "float32"
    logs = fit(model, x, y)
    # TensorFlow rounds the two graphs to float16 in other places.
    assert_same(model, logs, expected, expected_logs, atol=1e-3)


def test_a_saved_model_goes_on_from_its_class_means(tmp_path):
    x, y = toys.data()
    model = own_model("functional", toys.all_alignments(6))
    fit(model, x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        fit(one, x, y)
    for a, b in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(
            ops.convert_to_numpy(a), ops.convert_to_numpy(b), atol=1e-6, err_msg=a.path
        )


def spa_model(carried, given=None, momentum=0.9):
    layer = head(carried, momentum=momentum)
    return compiled(spa.SpAModel(toys.backbone(), layer, given))


@pytest.mark.slow
def test_a_spa_model_runs_the_alignments_of_its_classifier_and_then_its_own(expected):
    x, y = toys.data(44)
    first, *others = toys.all_alignments(6)
    model = spa_model(first, others)
    assert model.alignments == [first, *others]
    logs = model.fit(x, y, **FED).history
    assert model.class_means is model.classifier.class_means
    assert_same(model, logs, *expected("all"), atol=1e-5)


def test_a_spa_model_with_it_survives_saving(tmp_path):
    x, y = toys.data()
    model = spa_model(spa.SpASLERP(0.1), spa.SpAReg(0.5), momentum=0.5)
    model.add_loss(spa.SpAProj())
    model.fit(x, y, **FED)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert [type(one).__name__ for one in loaded.alignments] == [
        "SpASLERP",
        "SpAReg",
        "SpAProj",
    ]
    assert loaded.class_means is loaded.classifier.class_means
    assert loaded.class_means.momentum == 0.5
    toys.assert_same_state(model, loaded, rtol=0)
