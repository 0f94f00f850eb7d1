"""Subclassed models: their features are what they give their head."""

import threading

import keras
import numpy as np
import pytest
import splits
import toys
from keras import layers
from subclassed import Deep, Plain, called

import keras_spa as spa


@pytest.mark.parametrize("how", ["attribute", "layer name", "layer"])
@pytest.mark.parametrize("end", ["logits", "softmax inside", "softmax after"])
def test_a_named_head(how, end):
    x, y = splits.data()
    softmax = end != "logits"
    inside = "softmax" if end == "softmax inside" else None
    old = called(Plain(inside, softmax=end == "softmax after"), x)
    head = {"attribute": "fc", "layer name": old.fc.name, "layer": old.fc}[how]
    model = splits.checked(old, x, y, old.fc, softmax, head=head)
    assert (model.classifier is old.fc) == (end != "softmax inside")


@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_compiled_steps_are_those_of_the_functional_model(jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("PyTorch compiles without XLA")
    x, y = splits.data()
    old = called(Plain(), x)
    twin = toys.model(toys.all_alignments())
    twin.set_weights(
        [*map(splits.host, old.weights), *map(splits.host, twin.weights[4:])]
    )
    model = spa.SpAModel.from_model(old, toys.all_alignments(), head="fc")
    for one in (model, twin):
        one.compile(
            keras.optimizers.SGD(0.2, momentum=0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=jit_compile,
        )
        one.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0)
    toys.assert_same_state(model, twin, atol=1e-5)


def test_a_step_runs_the_model_once():
    x, y = splits.data()
    old = called(Plain(), x)
    model = spa.SpAModel.from_model(old, head="fc")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, run_eagerly=True, jit_compile=False)
    model.train_on_batch(x, y)
    before = old.passes
    model.train_on_batch(x, y)
    assert old.passes == before + 1


def test_training_reaches_the_layers_within():
    x, y = splits.data()
    old = called(Deep(), x)
    model = spa.SpAModel.from_model(old, head=old.blocks[-1])
    in_training = splits.host(model.backbone(x, training=True))
    in_use = splits.host(model.backbone(x, training=False))
    assert np.abs(in_training - in_use).max() > 0.1
    before = splits.host(old.normal.moving_mean)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.fit(x, y, verbose=0)
    assert np.abs(splits.host(old.normal.moving_mean) - before).max() > 1e-4


@pytest.mark.parametrize("kind", [Plain, Deep, lambda: Plain("softmax")])
def test_saved_and_loaded_it_is_still_one_model(tmp_path, kind):
    x, y = splits.data()
    old = called(kind(), x)
    head = old.fc if isinstance(old, Plain) else old.blocks[-1]
    model = spa.SpAModel.from_model(old, spa.SpASLERP(0.5), head=head)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss)
    model.fit(x, y, verbose=0)
    loaded = splits.reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(splits.host(loaded(x)), splits.host(model(x)))
    toys.assert_same_state(loaded, model, atol=0, rtol=0)
    assert len(loaded.variables) == len(model.variables)
    inner = loaded.backbone.model
    again = inner.fc if isinstance(inner, Plain) else inner.blocks[-1]
    assert loaded.aligned_kernel is again.kernel
    loaded.fit(x, y, verbose=0)
    softmax = head.activation is keras.activations.softmax
    splits.assert_same_logits(inner, loaded, x, softmax)


def test_the_old_model_works_as_before_and_beside():
    """Another thread that calls the old model while the split one runs."""
    x, _ = splits.data()
    old = called(Plain(), x)
    expected, old_call, results = splits.host(old(x)), old.fc.call, []

    def call(self, inputs):
        if threading.current_thread() is threading.main_thread():
            thread = threading.Thread(target=lambda: results.append(old(x)))
            thread.start()
            thread.join()
        return old_call(inputs)

    old.fc.call = call.__get__(old.fc)
    model = spa.SpAModel.from_model(old, head="fc")
    np.testing.assert_array_equal(
        splits.host(model.backbone(x)), splits.host(old.hidden(x))
    )
    np.testing.assert_array_equal(splits.host(results[0]), expected)


def test_many_splits_leave_one_wrapper():
    x, _ = splits.data()
    old = called(Plain(), x)
    for _ in range(3):
        spa.SpAModel.from_model(old, head="fc")(x)
    assert not hasattr(old.fc.call.__wrapped__, "__wrapped__")


@keras.saving.register_keras_serializable(package="tests")
class OfTokens(keras.Model):
    """Integers, and two inputs by name."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embed = layers.Embedding(9, toys.FEATURES)
        self.head = layers.Dense(toys.CLASSES)

    def call(self, inputs):
        words = keras.ops.one_hot(inputs["words"], 9)
        tokens = keras.ops.matmul(words, self.embed.embeddings)
        return self.head(keras.ops.mean(tokens, axis=1) * inputs["scale"])


def test_integers_and_inputs_by_name():
    random, (_, y) = np.random.RandomState(0), splits.data()
    x = {"words": random.randint(0, 9, (16, 3)), "scale": np.ones((16, 1), "float32")}
    old = OfTokens()
    old.embed.build((None, 3))
    old(x)
    splits.checked(old, x, y, old.head, head="head")


def test_its_backbone_takes_another_classifier(tmp_path):
    x, _ = splits.data()
    backbone = spa.SpAModel.from_model(called(Plain(), x), head="fc").backbone
    model = spa.SpAModel(backbone, layers.Dense(7))
    expected = splits.host(model(x))
    loaded = splits.reloaded(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(splits.host(loaded(x)), expected)
