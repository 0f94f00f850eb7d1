"""A model's card and DATA that do not go together: refused, or said in a line."""

import re
import shutil

import keras
import numpy as np
import pytest

import keras_spa as spa

NAMES = ("cat", "dog", "emu")


def model(**card):
    """A model of three classes with a card, but not a `SpAModel`."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    keras.Sequential(layers).save("mine.keras")
    if card:
        spa.ModelCard(**({"class_names": NAMES} | card)).attach("mine.keras")


def archive(*counts, names=NAMES):
    labels = np.repeat(np.arange(len(counts)), counts)
    shape = (len(labels), 4, 4, 3)
    images = np.random.RandomState(0).randint(0, 256, shape).astype("uint8")
    arrays = {} if names is None else {"class_names": np.array(names)}
    np.savez("data.npz", x_train=images, y_train=labels, **arrays)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"pixels": "0..16"}, "pixels 0..16"),
        ({"pixels": "0..1", "numbers": "0..16"}, "numbers 0..16"),
        ({"pixels": [0, 1]}, "pixels [0, 1]"),
        ({"mean": 0.5, "resize": "bicubic"}, "mean 0.5"),
        ({"pixels": "0..1", "numbers": "0..255"}, "pixels 0..1, numbers 0..255"),
    ],
)
def test_numbers_that_are_not_done_are_refused(run, asked, told):
    """Before they were told, and others fed."""
    model(preprocessing=asked)
    archive(5, 4, 3)
    code, out, err = run("evaluate", "mine.keras", "data.npz")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"MODEL asks for {told}, by its card" in err
    assert "--pixels" in err
    flags = ("--pixels=0..255", "--output=out.keras")
    assert run("align", "mine.keras", "data.npz", *flags)[0] == 0
    found = spa.ModelCard.read("out.keras").preprocessing
    assert found["pixels"] == "0..255"
    assert "numbers" not in found


def test_counts_that_cannot_be_those_of_data_are_told(run):
    """Before, align believed counts in reverse order without a word."""
    archive(9, 5, 2)
    model(class_counts=[2, 5, 9])
    code, _, err = run("diagnose", "mine.keras", "data.npz")
    assert (code, err.count("\n")) == (0, 1)
    assert "DATA have 9 training images of class 'cat', MODEL's card counts 2" in err
    # DATA may be a part, or hold what was held out, too.
    for counts in ([9, 5, 2], [90, 50, 20], [5, 3, 1]):
        model(class_counts=counts)
        assert run("diagnose", "mine.keras", "data.npz")[::2] == (0, "")


def test_an_archive_without_names_has_those_of_the_model(run):
    model()
    archive(5, 4, 3, names=None)
    plain = run("evaluate", "mine.keras", "data.npz")[1]
    model(preprocessing={})
    code, out, err = run("evaluate", "mine.keras", "data.npz")
    told = "their classes are taken in the order of MODEL, from cat to emu\n"
    assert (code, err) == (0, f"keras-spa: DATA have no `class_names`: {told}")
    assert out.splitlines()[:9] == plain.splitlines()[:9]
    archive(5, 4, names=None)  # of another number: which they are is not known
    code, _, err = run("evaluate", "mine.keras", "data.npz")
    assert (code, err.count("\n")) == (2, 1)
    assert "those of the card of mine.keras; an archive names its own by `cl" in err
    archive(5, 4, 3, names=("0", "1", "cat"))
    assert run("evaluate", "mine.keras", "data.npz")[0] == 2


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("cosine", [True, False])
def test_a_classifier_without_a_bias_becomes_one_that_the_rule_takes(
    run, cosine, softmax
):
    """Before, a page of Python; later, nothing was aligned."""
    archive(30, 20, 10)
    head = keras.layers.Dense(3, use_bias=False)
    if cosine:
        head = spa.layers.CosineDense(3, 30.0)
    pooled = [keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()]
    keras.utils.set_random_seed(0)
    end = [keras.layers.Softmax()] if softmax else []
    keras.Sequential([*pooled, head, *end]).save("head.keras")
    code, out, _ = run("align", "head.keras", "data.npz", "--output=aligned.keras")
    kind, on = ("cosine ", " of unit features") if cosine else ("", "")
    told = f"The {kind}classifier had no bias: it became a Dense{on}. Aligned by "
    assert code == 0
    assert told in out
    assert told in spa.ModelCard.read("aligned.keras").method
    aligned = keras.saving.load_model("aligned.keras")
    classifier = spa.SpAModel.from_model(aligned).classifier
    assert isinstance(classifier, keras.layers.Dense)
    assert classifier.use_bias
    images = np.random.default_rng(1).integers(0, 256, (5, 4, 4, 3))
    outputs = aligned.predict(images.astype("float32"), verbose=0)
    assert np.allclose(outputs.sum(axis=1), 1) == softmax
    assert run("diagnose", "aligned.keras", "data.npz")[0] == 0
    assert not isinstance(aligned, spa.SpAModel)


@pytest.mark.parametrize("name", ["classifier", "softmax", "head_backbone"])
def test_layers_of_any_name_are_before_a_classifier_without_a_bias(run, name):
    archive(30, 20, 10)
    image = keras.Input((4, 4, 3), name=name)
    x = keras.layers.GlobalAveragePooling2D()(image)
    x = keras.layers.Rescaling(1 / 255)(x)
    x = keras.layers.Dense(5, name=f"{name}_")(x)
    x = keras.layers.Softmax(name="probabilities")(x)
    outputs = keras.layers.Dense(3, "softmax", use_bias=False)(x)
    keras.Model(image, outputs, name="head").save("head.keras")
    code, out, err = run("align", "head.keras", "data.npz", "--output=aligned.keras")
    assert code == 0, err
    assert "it became a Dense. " in out


def test_weights_that_are_not_finite_are_no_bare_cosines(run):
    archive(30, 20, 10)
    pooled = [keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([*pooled, keras.layers.Dense(3, use_bias=False)])
    model.layers[-1].kernel.assign(np.full((3, 3), np.nan))
    model.save("head.keras")
    code, _, err = run("align", "head.keras", "data.npz")
    assert code == 2
    assert "finite" in err
    assert "bare cosines" not in err


def test_bare_cosines_are_converted_in_python(run):
    """How LDAM scaled them, their file does not say."""
    archive(30, 20, 10)
    pooled = [keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([*pooled, spa.layers.CosineDense(3, 1)]).save("head.keras")
    code, _, err = run("align", "head.keras", "data.npz")
    assert code == 2
    assert "MODEL gives bare cosines, and its file does not say what the loss" in err
    assert "Argument" not in err


def test_confusions_of_classes_that_are_numbers(run):
    """Before: "2 of 9 1 are taken for 7", straight below the table."""
    model(class_names=("7", "1", "3"))
    archive(9, 9, 9, names=("7", "1", "3"))
    code, out, _ = run("evaluate", "mine.keras", "data.npz")
    table, confusions = out.rsplit("\n\n", 1)
    assert code == 0
    assert table.endswith("|")
    for line in confusions.splitlines():
        assert re.fullmatch(r"\d+ of 9 '[713]' are taken for '[713]'", line)


def test_confusions_of_classes_of_one_name(run):
    """Before: "3 of 9 'crane' are taken for 'crane'"."""
    names = ("crane", "emu", "crane")
    model(class_names=names)
    archive(9, 9, 9, names=names)
    out = run("evaluate", "mine.keras", "data.npz")[1]
    for line in out.rsplit("\n\n", 1)[1].splitlines():
        assert re.fullmatch(
            r"\d of 9 '(emu|crane \([02]\))' are taken for '(emu|crane \([02]\))'", line
        )


def test_a_zip_file_that_is_no_model_is_told(run):
    archive(9, 9, 9)
    shutil.copy("data.npz", "other.keras")
    code, _, err = run("diagnose", "other.keras", "data.npz")
    assert (code, err.count("\n")) == (2, 1)
    assert "MODEL other.keras cannot be loaded by Keras: " in err
