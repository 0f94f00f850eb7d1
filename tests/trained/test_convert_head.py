"""`convert_head`: the logits of another classifier from a Dense, which is aligned."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from other_heads import CosineHead, Gated, OtherBias, ScaledHead, Squashed

import keras_spa as spa
from keras_spa.trained import convert_head

K = 4


def network(*last, dtype=None):
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(6, "relu", name="hidden", dtype=dtype)
    return keras.Sequential([keras.Input((5,)), hidden, *last])


def predicted(model, images):
    return ops.convert_to_numpy(ops.cast(model(images), "float32"))


HEADS = {
    "cosines": lambda: spa.layers.CosineDense(K, 12),
    "a scale that is learnt": lambda: spa.layers.CosineDense(K, 7, learn_scale=True),
    "a fixed ETF": lambda: spa.layers.ETFDense(K, scale=5),
    "no bias": lambda: layers.Dense(K, use_bias=False),
    "a Dense": lambda: layers.Dense(K),
    "a user's cosines": lambda: CosineHead(K),
    "a scale": lambda: ScaledHead(K, 3.0),
    "a gate": lambda: Gated(K),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_logits_are_those_of_before(head, data):
    model = network(head())
    converted = convert_head(model)
    assert type(converted.classifier) is layers.Dense
    assert converted.classifier.bias is not None
    images = np.concatenate([data[0], np.zeros((1, 5), "float32")])
    before, after = predicted(model, images), predicted(converted, images)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-5)


def test_a_bias_of_another_name_comes_along():
    made = network(OtherBias())
    made.layers[-1].offset.assign([0.3, -0.2, 0.5])
    bias = ops.convert_to_numpy(convert_head(made).classifier.bias)
    np.testing.assert_allclose(bias, [0.3, -0.2, 0.5], atol=1e-6)


def test_bare_cosines_need_the_scale_of_their_loss(data):
    model = network(spa.layers.CosineDense(K, scale=1))
    with pytest.raises(ValueError, match=r"`scale`.*30 by default.*scale=None"):
        convert_head(model)
    for scale in (0, -1.0, "30"):
        with pytest.raises(ValueError, match="`scale`"):
            convert_head(model, scale)
    after = predicted(convert_head(model, 30), data[0])
    np.testing.assert_allclose(after, 30 * predicted(model, data[0]), rtol=1e-4)
    biased = network(layers.Dense(K, bias_initializer="ones"))
    after = predicted(convert_head(biased, 2), data[0])
    np.testing.assert_allclose(after, 2 * predicted(biased, data[0]), rtol=1e-5)


def test_aligned_it_is_a_linear_classifier_of_unit_features(model, data):
    """The same as a network that someone wrote with unit features from the start."""
    cosines = network(spa.layers.CosineDense(K, 12))
    unit = network(layers.UnitNormalization(), layers.Dense(K))
    kernel = ops.convert_to_numpy(spa.geometry.unit(cosines.layers[-1].kernel, axis=0))
    hidden = cosines.layers[0].get_weights()
    unit.set_weights([*hidden, 12 * kernel, np.zeros(K)])
    with pytest.raises(ValueError, match=r"with a bias.*convert_head\(model\).*Cosine"):
        spa.align(cosines, data, verbose=0)
    for held_out in (None, (data[0] + 0.1, data[1])):
        one, other = (
            spa.align(start, data, held_out=held_out, verbose=0)
            for start in (convert_head(cosines), unit)
        )
        expected = predicted(other, data[0])
        np.testing.assert_allclose(predicted(one, data[0]), expected, atol=1e-3)
        assert np.abs(expected - predicted(cosines, data[0])).max() > 0.1


def test_it_is_saved_with_its_card_and_the_layers_are_the_models(data, tmp_path):
    card = spa.ModelCard(list("abcd"))
    backbone = keras.Sequential([keras.Input((5,)), layers.Dense(6, "relu")])
    model = spa.SpAModel(backbone, spa.layers.CosineDense(K), "spa_reg", card=card)
    converted = convert_head(model)
    assert converted.card == card
    assert converted.alignments == []
    backbone.layers[0].bias.assign(np.arange(6.0))  # shared
    before = predicted(model, data[0])
    np.testing.assert_allclose(predicted(converted, data[0]), before, atol=1e-4)
    converted.save(tmp_path / "converted.keras")
    loaded = keras.saving.load_model(tmp_path / "converted.keras")
    np.testing.assert_allclose(predicted(loaded, data[0]), before, atol=1e-4)


class Own(keras.Model):
    """A subclassed model, of which one cannot know what it does after its head."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.hidden, self.fc = layers.Dense(6), spa.layers.CosineDense(K)

    def call(self, inputs):
        return 30 * self.fc(self.hidden(inputs))


def test_the_old_head_of_a_subclassed_model_would_stay_a_part(data):
    model = Own()
    model(data[0])
    split = spa.SpAModel.from_model(model, head="fc")
    for given in (model, split):
        with pytest.raises(ValueError, match="subclassed.*UnitNormalization.*Own"):
            convert_head(given)
    with pytest.raises(ValueError, match="but put it into a subclassed model by hand"):
        spa.align(model, data, head="fc", verbose=0)


@pytest.mark.parametrize("name", ["encoder", "unit_features", "unit_backbone"])
def test_an_input_may_have_the_name_of_a_layer(name, data):
    image = keras.Input((5,), name=name)
    inner = keras.Model(image, layers.Dense(6)(image), name="encoder")
    model = spa.SpAModel(inner, spa.layers.CosineDense(K, 12))
    converted = convert_head(model)
    np.testing.assert_allclose(
        predicted(converted, data[0]), predicted(model, data[0]), atol=1e-4
    )


def test_a_functional_model_of_two_inputs_that_ends_in_a_softmax(data):
    inputs = {"a": keras.Input((5,), name="a"), "b": keras.Input((5,), name="b")}
    hidden = layers.Dense(6)(layers.Add()([inputs["a"], inputs["b"]]))
    outputs = layers.Softmax()(spa.layers.CosineDense(K)(hidden))
    model, given = keras.Model(inputs, outputs), {"a": data[0], "b": data[0] ** 2}
    converted = convert_head(model)
    after = ops.convert_to_numpy(ops.softmax(converted(given)))
    np.testing.assert_allclose(after, predicted(model, given), rtol=1e-4)
    batches = [(given, data[1])]
    aligned = spa.align(converted, batches, verbose=0)
    assert predicted(aligned, given).shape == (len(data[1]), K)


def test_half_precision_stays_and_lengths_do_not_overflow(data):
    """300² is more than float16 holds: features are made unit in float32."""
    cosines = spa.layers.CosineDense(K, dtype="mixed_float16")
    model = network(cosines, dtype="mixed_float16")
    images = 300 * data[0]
    converted = convert_head(model)
    assert converted.classifier.compute_dtype == "float16"
    assert converted(images).dtype == model(images).dtype
    before, after = predicted(model, images), predicted(converted, images)
    np.testing.assert_allclose(after, before, atol=0.1)


@pytest.mark.parametrize("last", ["linear", "softmax"])
def test_logits_in_float32_behind_half_precision_stay_so(last, data, tmp_path):
    head = spa.layers.CosineDense(K, dtype="mixed_bfloat16")
    model = network(head, layers.Activation(last, dtype="float32"))
    converted = convert_head(model)
    assert "float32" in str(converted(data[0]).dtype)
    logits = predicted(spa.SpAModel.from_model(model), data[0])
    np.testing.assert_allclose(predicted(converted, data[0]), logits, atol=0.3)
    aligned = spa.align(converted, data, verbose=0)
    aligned.save(tmp_path / "aligned.keras")
    loaded = keras.saving.load_model(tmp_path / "aligned.keras")
    np.testing.assert_allclose(*(predicted(m, data[0]) for m in (aligned, loaded)))


def test_what_is_converted_can_be_looked_at_aligned_and_trained_again(data):
    converted = convert_head(network(spa.layers.ETFDense(K, scale=5)), 2)
    aligned = spa.align(converted, data, verbose=0)
    again = convert_head(spa.align(aligned, data, spa.SpASLERP(0.25), verbose=0))
    right = predicted(again, data[0]).argmax(axis=1) == data[1]
    report = spa.diagnose(again, data, verbose=0)
    assert report.accuracy == pytest.approx(right.mean())
    again.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    before = predicted(again, data[0])
    again.fit(*data, verbose=0)
    assert len(again.trainable_variables) == 4
    assert np.abs(predicted(again, data[0]) - before).max() > 0


def lora(head):
    head.build((None, 6))
    head.enable_lora(2)
    return head


def quantized(head):
    head.build((None, 6))
    head.quantize("int8")
    return head


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (lambda: Squashed(K), "linear.*Squashed"),
        (lambda: lora(layers.Dense(K)), "without LoRA.*with LoRA"),
        (lambda: quantized(layers.Dense(K)), "not quantized.*quantized to int8"),
        (
            lambda: ScaledHead(K, 3.0, dtype="mixed_bfloat16"),
            "in float32.*ScaledHead.*in bfloat16",
        ),
    ],
)
def test_other_classifiers_are_refused(head, message):
    with pytest.raises(ValueError, match=message):
        convert_head(network(head()))


def test_weights_that_are_not_finite_are_refused():
    model = network(layers.Dense(K))
    for scale in (1e300, 10**400, 1e-300):
        with pytest.raises(ValueError, match="`scale`.*Received: "):
            convert_head(model, scale)
    model.layers[-1].bias.assign([0, np.nan, 0, 0])
    with pytest.raises(ValueError, match="Argument `model`"):
        convert_head(model)
