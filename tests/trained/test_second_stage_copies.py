"""What retrained, scaled and normalised heads come in, and what is refused."""

import keras
import numpy as np
import pytest
from heads import COUNTS, FUNCTIONS, Scaled, clusters, trained
from keras import ops

import keras_spa as spa
from keras_spa.trained import normalize_head, retrain_head
from keras_spa.trained import scale_head as learn_scales


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_model_stays_and_the_copy_is_of_its_kind(function):
    data = clusters()
    card = spa.ModelCard(class_names=["a", "b", "c"], class_counts=COUNTS)
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu")])
    model = spa.SpAModel(backbone, keras.layers.Dense(3), card=card)
    model.classifier.bias.assign([1.0, 0.0, 0.0])  # which normalisation takes out
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    before = [np.array(w) for w in model.get_weights()]
    copy = function(model, data)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)
    assert type(copy) is spa.SpAModel
    assert copy.compiled
    for old, new in zip(
        model.backbone.get_weights(), copy.backbone.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)
    assert not np.allclose(model.classifier.get_weights()[1], copy.classifier.bias)
    assert copy.card.method != model.card.method
    again = function(model, data)
    for one, other in zip(copy.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_heads_without_a_bias_and_behind_a_softmax(function):
    data = clusters()
    without = function(trained(use_bias=False), data)
    assert [w.shape for w in without.layers[-1].get_weights()] == [(5, 3)]
    outputs = ops.convert_to_numpy(
        function(trained(activation="softmax"), data)(data[0])
    )
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_cosine_head_is_refused(function):
    model = keras.Sequential([keras.Input((4,)), spa.layers.CosineDense(3)])
    with pytest.raises(ValueError, match="Argument `model` must end in a classifier"):
        function(model, clusters())
    with pytest.raises(ValueError, match="Argument `model` must end in a classifier"):
        normalize_head(model, tau=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampling": "balanced"}, "Argument `sampling` must be one of 'instance'"),
        ({"steps": 0}, "Argument `steps` must be an integer of at least 1"),
        ({"optimizer": "sgd"}, "Argument `optimizer` must be an optimizer of Keras"),
        ({"loss": "sparse_categorical_crossentropy"}, "Argument `loss` must be a kera"),
        ({"alignment": "slerp"}, "Argument `alignment` must be a keras_spa.Alignment"),
        ({"seed": -1}, "Argument `seed`"),
        ({"batch_size": 0}, "Argument `batch_size`"),
    ],
)
def test_bad_arguments_are_refused_before_any_image_is_seen(arguments, message):
    def never():
        raise AssertionError("an image was asked for")
        yield

    with pytest.raises(ValueError, match=message):
        retrain_head(trained(), never(), **arguments)


@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_a_loss_of_probabilities_is_refused(function):
    loss = keras.losses.SparseCategoricalCrossentropy()
    with pytest.raises(ValueError, match="Argument `loss` must take logits"):
        function(trained(), clusters(), loss=loss, steps=1, verbose=0)


def test_a_power_or_images_to_choose_it():
    for arguments in ({}, {"tau": 1, "held_out": clusters()}):
        with pytest.raises(ValueError, match="Argument `tau` must be .* `held_out`"):
            normalize_head(trained(), **arguments)
    with pytest.raises(ValueError, match="Argument `tau`"):
        normalize_head(trained(), tau=1.5)


def test_a_rate_that_is_too_high_is_named():
    optimizer = keras.optimizers.SGD(1e38)
    with pytest.raises(ValueError, match="Argument `optimizer` .*loss stays finite"):
        retrain_head(trained(), clusters(), optimizer=optimizer, verbose=0)


@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_augmented_images_are_gone_through_once(function):
    x, y = clusters()
    asked = []

    class Counted(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            asked.append(index)
            return x[index::2], y[index::2]

    function(trained(), Counted(), augment=lambda images: images, steps=1, verbose=0)
    assert sorted(asked) == [0, 0, 1]  # the first once more, for the copy


@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_bad_labels_of_augmented_images_are_those_of_the_data_set(function):
    x, y = clusters()
    with pytest.raises(ValueError, match="Argument `dataset` does not fit the model"):
        function(trained(), (x, y + 1), augment=lambda images: images, verbose=0)
    with pytest.raises(ValueError, match="Argument `augment` does not fit the model"):
        function(trained(), (x, y), augment=(x, y + 1), verbose=0)


@pytest.mark.long
@pytest.mark.parametrize("function", [retrain_head, learn_scales])
def test_the_global_dtype_policy_changes_nothing(function):
    model, data = trained(), clusters()
    expected = function(model, data, verbose=0).get_weights()
    keras.config.set_dtype_policy("mixed_bfloat16")
    for one, other in zip(
        function(model, data, verbose=0).get_weights(), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_the_card_says_how_a_head_was_made():
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu")])
    card = spa.ModelCard(class_names=["a", "b", "c"], class_counts=COUNTS)
    model, data = spa.SpAModel(backbone, keras.layers.Dense(3), card=card), clusters()
    once = {"steps": 1, "verbose": 0}
    methods = [
        retrain_head(model, data, **once).card.method,
        retrain_head(model, data, "spa_proj", **once).card.method,
        learn_scales(model, data, sampling="reverse", **once).card.method,
        normalize_head(model, tau=1).card.method,
    ]
    start = "Classifier trained anew on its features, steps: 1, sampling: "
    assert methods[0] == f"{start}class_balanced, alignment: none."
    assert methods[1].startswith(f"{start}class_balanced, alignment: SpAProj(gamma=")
    assert methods[2].endswith("scaled by class, steps: 1, sampling: reverse.")
    assert methods[3].endswith("by their lengths to the power 1, without biases.")


def test_a_scale_after_the_head_is_seen_on_held_out_images():
    x, y = clusters()
    model = Scaled()
    model(x)
    with pytest.raises(ValueError, match="without a scale.*Received: Scaled"):
        normalize_head(model, (x, y), head="fc", verbose=0)


def test_augmented_features_are_those_that_are_trained_on():
    model, (x, y) = trained(), clusters()
    few = {"steps": 20, "verbose": 0}
    augmented = retrain_head(model, (x, y), augment=lambda images: images + 1, **few)
    expected = retrain_head(model, (x + 1, y), **few)
    for one, other in zip(augmented.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
