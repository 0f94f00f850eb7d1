"""What a model's card says holds for the model: it is heeded and passed on."""

import json
import pathlib

import keras
import numpy as np
import pytest

import keras_spa as spa

COUNTS = [3000, 1200, 600, 300]
ABOUT = {
    "class_names": ["0", "1", "2", "3"],
    "class_counts": COUNTS,
    "data": "all photographs",
    "method": "Cross-entropy, 90 epochs.",
    "limits": "Photographs by day. Not for medical use.",
}


@pytest.fixture(scope="module")
def classifier():
    """Weights of a network of images with a stripe at the height of their class."""
    keras.utils.set_random_seed(0)
    model = network()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(*images((30, 12, 6, 3)), epochs=3, verbose=0)
    return model


def network(channels=3):
    inputs = keras.Input((16, 24, channels))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    features = keras.layers.Dense(8, "relu")(flat)
    return keras.Model(inputs, keras.layers.Dense(4)(features))


def images(counts, channels=3, seed=0):
    labels = np.repeat(np.arange(4), counts)
    shape = (len(labels), 16, 24, channels)
    x = np.random.RandomState(seed).randint(0, 60, shape).astype("uint8")
    for i, label in enumerate(labels):
        x[i, 4 * label : 4 * label + 4] += 150
    return x, labels


def archive(path, *kinds, channels=3):
    arrays = {}
    for seed, kind in enumerate(("train", *kinds)):
        counts = (5, 5, 5, 5) if kind == "train" else (3, 3, 3, 3)
        both = images(counts, channels, seed)
        arrays[f"x_{kind}"], arrays[f"y_{kind}"] = both
    np.savez(path, **arrays)


def test_align_passes_the_card_on(run, classifier):
    classifier.save("mine.keras")
    for name in ("pixels", "numbers"):
        asked = {name: "0..255", "resize": "bicubic"}
        card = spa.ModelCard(**ABOUT, preprocessing=asked, accuracy={"all": 0.9})
        card.attach("mine.keras")
        archive("data.npz", "test")
        code, out, err = run("align", "mine.keras", "data.npz", "--overwrite")
        assert code == 0
        told = "MODEL asks for resize bicubic, by its card: that is not done here\n"
        assert err == f"keras-spa: {told}"
        found = spa.ModelCard.read("mine-aligned.keras")
        for name in ("class_names", "class_counts", "data", "preprocessing", "limits"):
            assert getattr(found, name) == getattr(card, name)
        assert found.method.startswith("Cross-entropy, 90 epochs. Aligned by the rule")
        assert found.accuracy.keys() == {
            *("accuracy", "balanced accuracy", "many")  # all are, by the card
        }
    flags = ("--pixels=0..1", "--overwrite")  # who says otherwise knows better
    assert run("align", "mine.keras", "data.npz", *flags)[0] == 0
    found = spa.ModelCard.read("mine-aligned.keras")
    assert found.preprocessing == {"pixels": "0..1", "resize": "bicubic"}


def test_validation_images_chose_and_say_so(run, classifier):
    classifier.save("mine.keras")
    for kinds, told, measured in (
        (("val",), True, False),
        (("val", "test"), False, True),
        ((), False, False),
    ):
        archive("data.npz", *kinds)
        code, out, _ = run("align", "mine.keras", "data.npz", "--overwrite")
        assert code == 0
        assert ("These images also chose what alignment does: on new" in out) == told
        card = spa.ModelCard.read("mine-aligned.keras")
        assert bool(card.accuracy) == measured
        assert card.class_counts == (5, 5, 5, 5)


def test_training_images_are_those_of_the_card(run, classifier):
    classifier.save("mine.keras")
    spa.ModelCard(**ABOUT).attach("mine.keras")
    archive("data.npz", "test")
    code, out, _ = run("evaluate", "mine.keras", "data.npz")
    assert code == 0
    assert "| many (> 100 training images) (%) |" in out
    assert "few (< 20)" not in out
    assert run("diagnose", "mine.keras", "data.npz", "--json=d.json")[0] == 0
    assert json.loads(pathlib.Path("d.json").read_text())["class_counts"] == COUNTS
    code, out, _ = run("align", "mine.keras", "data.npz")
    assert code == 0
    model = keras.models.load_model("mine.keras", compile=False)
    dataset = images((5, 5, 5, 5))
    choice = spa.choose_alignment(model, dataset, class_counts=COUNTS, verbose=0)
    assert str(choice) in out
    without = spa.choose_alignment(model, dataset, verbose=0)
    assert str(without) not in out


def test_counts_of_the_card_find_their_class_by_name(run, classifier):
    classifier.save("mine.keras")
    spa.ModelCard(**ABOUT).attach("mine.keras")
    x, y = images((5, 5, 5, 5))
    names = np.array(["3", "2", "1", "0"])  # class c of the model is 3 − c there
    np.savez("data.npz", x_train=x, y_train=3 - y, class_names=names)
    assert run("diagnose", "mine.keras", "data.npz", "--json=d.json")[0] == 0
    found = json.loads(pathlib.Path("d.json").read_text())
    assert dict(zip(found["class_names"], found["class_counts"], strict=True)) == dict(
        zip(ABOUT["class_names"], COUNTS, strict=True)
    )


def test_two_classes_of_one_name_have_an_entry_each(run, classifier):
    """As ImageNet's two called crane. One was lost, then such data sets refused."""
    classifier.save("mine.keras")
    names = np.array(["crane", "emu", "crane", "bittern"])
    spa.ModelCard(names).attach("mine.keras")
    x, y = images((5, 5, 5, 5))
    np.savez("data.npz", x_train=x, y_train=y, class_names=names)
    assert run("evaluate", "mine.keras", "data.npz", "--json=e.json")[0] == 0
    shares = json.loads(pathlib.Path("e.json").read_text())["accuracy_per_class"]
    assert [*shares] == ["crane (0)", "emu", "crane (2)", "bittern"]


def test_a_card_without_counts_has_those_of_the_images(run, classifier):
    """Classes without images count as of one."""
    classifier.save("mine.keras")
    spa.ModelCard(["3", "1", "2", "0"]).attach("mine.keras")
    x, y = images((2, 5, 0, 0))
    np.savez("data.npz", x_train=x, y_train=y, class_names=np.array(["0", "1"]))
    code, _, err = run("diagnose", "mine.keras", "data.npz", "--json=d.json")
    assert code == 0
    assert "no images of 2 of the 4 classes of MODEL, which are left out: 3, 2" in err
    found = json.loads(pathlib.Path("d.json").read_text())
    assert found["class_counts"] == [1, 5, 1, 2]


def test_a_model_of_two_channels_is_judged_and_aligned(run):
    network(channels=2).save("two.keras")
    archive("data.npz", "test", channels=2)
    for command in ("evaluate", "diagnose", "align"):
        code, _, err = run(command, "two.keras", "data.npz")
        assert code == 0, err
