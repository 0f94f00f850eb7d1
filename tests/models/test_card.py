"""A model's files carry its card, and can be read without loading the model."""

import json
import zipfile

import keras
import numpy as np
import pytest
from exports import FORMATS, assert_close, image_model, images

import keras_spa as spa

BACKEND = keras.backend.backend()
CARD = spa.ModelCard(
    ["a", "b/c", "ç", "d 🐦", "e"],
    [50, 40, 30, 20, 10],
    method="Cross-entropy.",
    accuracy={"all": 0.75},
)


def write(model, path, kind):
    if kind is None:
        model.save(path)
    else:
        model.export(path, kind, verbose=False)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter:UserWarning")
@pytest.mark.parametrize("name", FORMATS)
def test_the_card_is_inside(tmp_path, name, monkeypatch):
    model = image_model()
    write(model, tmp_path / name, FORMATS[name])
    assert spa.ModelCard.read(tmp_path / name) is None
    model.card = CARD
    write(model, tmp_path / name, FORMATS[name])
    with monkeypatch.context() as patch:
        patch.setattr(keras.saving, "load_model", None)
        assert spa.ModelCard.read(tmp_path / name) == CARD
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert_answers(tmp_path / name, model)


def assert_answers(path, model):
    """The artifact with a card in it is still one."""
    if path.suffix == ".keras":
        logits = keras.saving.load_model(path)(images())
        np.testing.assert_array_equal(
            *map(keras.ops.convert_to_numpy, (logits, model(images())))
        )
    elif path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        assert session.get_modelmeta().custom_metadata_map["model_card"]
        names = ["logits", "probabilities"]
        assert_close(session.run(names, {"inputs": images()}), model, images())
    else:
        import tensorflow as tf

        if path.suffix == ".tflite":
            run = tf.lite.Interpreter(str(path)).get_signature_runner()
        else:
            run = tf.saved_model.load(path).signatures["serve"]
        outputs = run(inputs=tf.constant(images()))
        assert_close((outputs["logits"], outputs["probabilities"]), model, images())


def test_saved_and_loaded_the_model_has_its_card(tmp_path):
    model = image_model()
    assert model.card is None
    assert "card" not in model.get_config()
    model.card = CARD
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").card == CARD
    config = json.loads(json.dumps(model.get_config()))
    assert spa.SpAModel.from_config(config).card == CARD


def test_from_model_passes_it_on():
    old = image_model()
    old.card = CARD
    assert spa.SpAModel.from_model(old, head="classifier").card == CARD
    other = spa.ModelCard(list("abcde"))
    new = spa.SpAModel.from_model(old, head="classifier", card=other)
    assert new.card == other
    dense = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    assert spa.SpAModel.from_model(dense).card is None


def test_an_aligned_model_says_so_and_claims_no_accuracy():
    model = image_model()
    model.card = CARD
    x, y = images(20), np.arange(20) % 5
    aligned = spa.align(model, (x, y), verbose=0)
    assert model.card == CARD
    assert aligned.card.class_names == CARD.class_names
    assert aligned.card.class_counts == CARD.class_counts
    assert aligned.card.method.startswith("Cross-entropy. Aligned after training. ")
    assert aligned.card.accuracy == {}
    turned = spa.align(model, (x, y), spa.SpASLERP(0.25), verbose=0)
    assert "Moved once by SpASLERP(rate=0.25" in turned.card.method


def test_any_keras_model_can_carry_one(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5)])
    model.save(tmp_path / "model.keras")
    assert CARD.attach(tmp_path / "model.keras") == tmp_path / "model.keras"
    assert spa.ModelCard.read(tmp_path / "model.keras") == CARD
    x = np.ones((2, 4), "float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        *map(keras.ops.convert_to_numpy, (loaded(x), model(x)))
    )


@pytest.mark.parametrize("card", [None, CARD])
def test_the_file_of_a_spa_model_has_one_card(tmp_path, card):
    path = tmp_path / "model.keras"
    model = image_model()
    model.card = card
    model.save(path)
    other = spa.ModelCard(list("vwxyz"))
    message = r"`path` must not be .* of a SpAModel.*`model.card = card` and save"
    with pytest.raises(ValueError, match=message):
        other.attach(path)
    with zipfile.ZipFile(path, "a") as archive:  # as `attach` did before
        archive.writestr("model_card.json", other.to_json())
    if card is not None:
        assert spa.ModelCard.read(path) == card == keras.saving.load_model(path).card


def test_a_card_of_other_classes_is_refused():
    message = "`card` must name the 5 classes of the model.*a card of 2 classes"
    two = spa.ModelCard(["a", "b"])
    with pytest.raises(ValueError, match=message):
        image_model().card = two
    with pytest.raises(ValueError, match="`card` must be a keras_spa.ModelCard"):
        image_model().card = ["a", "b"]
    unbuilt = spa.SpAModel(keras.layers.Dense(3), keras.layers.Dense(5), card=two)
    with pytest.raises(ValueError, match=message):
        unbuilt.build((None, 4))
