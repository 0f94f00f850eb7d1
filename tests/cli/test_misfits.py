"""A model's card and DATA that do not go together: refused, or said in a line."""

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
