"""What a card holds, says and refuses; in and beside files of any kind."""

import json
import zipfile

import numpy as np
import pytest

import keras_spa as spa

pd = pytest.importorskip("pandas")

NAMES = ["cat", "Émeu | gris 🐦", "dog"]
EVERYTHING = {
    "class_counts": [90, 3, 30],
    "data": "animals",
    "preprocessing": {"input_shape": [8, 8, 3], "pixels": "0..255"},
    "method": "Balanced softmax.",
    "accuracy": {"all": 0.5, "few": 0.0, "medium": None, "many": float("nan")},
    "limits": "No birds of prey.",
}


def test_json_gives_the_card_back():
    card = spa.ModelCard(NAMES, **EVERYTHING)
    assert spa.ModelCard.from_json(card.to_json()) == card
    assert spa.ModelCard.from_json(spa.ModelCard(NAMES).to_json()).class_counts is None
    assert card.class_names == tuple(NAMES)
    assert card.class_counts == (90, 3, 30)
    assert card.accuracy == {"all": 0.5, "few": 0.0}


@pytest.mark.parametrize("dtype", ["U", object])
def test_names_of_an_array(dtype):
    card = spa.ModelCard(np.array(NAMES, dtype), np.array([90.0, 3.0, 30.0]))
    assert card == spa.ModelCard(NAMES, [90, 3, 30])
    assert {type(name) for name in card.class_names} == {str}
    assert spa.ModelCard.from_json(card.to_json()) == card


def test_two_classes_may_have_one_name():
    """Two of ImageNet's are called crane: their cards were refused."""
    card = spa.ModelCard(pd.Index(["crane", "emu", "crane"]), [3, 2, 1])
    assert card.class_names == ("crane", "emu", "crane")
    assert spa.ModelCard.from_json(card.to_json()) == card


def test_other_keys_of_a_json_file_are_left_aside():
    text = json.dumps({"class_names": NAMES, "aligned": "yes"})
    assert spa.ModelCard.from_json(text) == spa.ModelCard(NAMES)


def test_markdown_has_all_of_it_from_head_to_tail():
    page = spa.ModelCard(NAMES, **EVERYTHING).to_markdown()
    assert "animals: 3 classes, 123 training images, imbalance factor 30." in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == [
        *("class", "cat", "dog", "Émeu \\"),
    ]
    assert "**Inputs:** input_shape [8, 8, 3], pixels 0..255." in page
    assert "**Accuracy:** all 50.0 %, few 0.0 %." in page
    assert "**Limits:** No birds of prey." in page


def test_markdown_of_many_classes_is_short():
    counts = {c: c + 1 for c in range(1000)}
    card = spa.ModelCard([f"class {c}" for c in range(1000)], counts)
    assert "class 999 (1,000), class 998 (999), class 997 (998), …" in (
        card.to_markdown()
    )
    assert len(card.to_markdown()) < 300
    assert "imbalance" not in spa.ModelCard(NAMES).to_markdown()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"class_names": ["one"]},
            "`class_names` must be a list of at least 2 str",
        ),
        ({"class_names": "ab"}, "`class_names` must be a list of strings"),
        ({"class_names": ["a", 1]}, "`class_names` must be a list of strings"),
        (
            {"class_names": np.array([["a", "b"]])},
            r"`class_names` must be .* array \(K,\)",
        ),
        (
            {"class_counts": [90, 0.5, 9]},
            "`class_counts` must be whole numbers.*multiply shares.*Received: 0.5",
        ),
        ({"class_counts": [1, 2]}, "`class_counts` must hold one count for each of 3"),
        (
            {"class_counts": {1: 5, 2: 5, 3: 5}},
            "`class_counts` must have the keys 0",
        ),
        ({"method": None}, "`method` must be a string"),
        ({"accuracy": {"all": 80}}, r"`accuracy\['all'\]` must be .* in \[0, 1\]"),
        ({"preprocessing": {"f": print}}, "`preprocessing` must be a mapping of names"),
        ({"preprocessing": ["0..1"]}, "`preprocessing` must be a mapping of names"),
    ],
)
def test_what_is_no_card_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        spa.ModelCard(**{"class_names": NAMES, **arguments})


@pytest.mark.parametrize("text", ["{", "[]", '{"classes": 3}', b"\xff"])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(ValueError, match="A model card must be"):
        spa.ModelCard.from_json(text)


def test_a_file_of_another_format_gets_one_beside_it(tmp_path):
    path = tmp_path / "model.h5"
    with pytest.raises(FileNotFoundError, match="no model at"):
        spa.ModelCard(NAMES).attach(path)
    with pytest.raises(FileNotFoundError, match="no model at"):
        spa.ModelCard.read(path)
    path.write_bytes(b"weights")
    assert spa.ModelCard.read(path) is None
    assert spa.ModelCard(NAMES).attach(path) == tmp_path / "model.h5.json"
    assert spa.ModelCard.read(path) == spa.ModelCard(NAMES)
    (tmp_path / "model.h5.json").write_text('{"dataset": "of a result"}')
    assert spa.ModelCard.read(path) is None
    result = '{"class_names": ["a", "b"], "accuracy": 0.5, "accuracy_per_class": []}'
    (tmp_path / "model.h5.json").write_text(result)  # as of diagnose --json
    assert spa.ModelCard.read(path) is None
    (tmp_path / "model.h5.json").write_text("{")
    with pytest.raises(ValueError, match=r"The model card of .*model.h5': .*JSON"):
        spa.ModelCard.read(path)


def test_the_last_card_attached_counts_and_the_file_stays_as_it_was(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"a flatbuffer" * 9)
    assert spa.ModelCard.read(path) is None
    for card in (spa.ModelCard(NAMES, method="one"), spa.ModelCard(NAMES)):
        card.attach(path)
        assert spa.ModelCard.read(path) == card
    assert path.read_bytes().startswith(b"a flatbuffer" * 9)


def test_a_link_and_permissions_stay(tmp_path):
    path, link = tmp_path / "model.tflite", tmp_path / "link.tflite"
    path.write_bytes(b"a flatbuffer")
    path.chmod(0o600)
    link.symlink_to(path.name)
    spa.ModelCard(NAMES).attach(link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert spa.ModelCard.read(path) == spa.ModelCard(NAMES)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"model.keras' is not a whole .keras file"):
        spa.ModelCard.read(path)
    with pytest.raises(ValueError, match=r"model.keras' is not a whole .keras file"):
        spa.ModelCard(NAMES).attach(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", '{"config": {"card": {"class_names": 3}}}')
    with pytest.raises(ValueError, match="model card of .*model.keras': .*class_names"):
        spa.ModelCard.read(path)
