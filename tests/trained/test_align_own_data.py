"""`align` on data that are less than one might wish, or more than fit."""

import re
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_spa as spa

K, D = 3, 5
COUNTS = [9, 3, 2]


def data(counts, noise=1.0):
    random = np.random.RandomState(0)
    labels = np.repeat(np.arange(K), counts)
    images = 20 * np.eye(K, D)[labels] + noise * random.randn(len(labels), D)
    return images.astype("float32"), labels


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((D,)), layers.Dense(K)])
    model.layers[0].set_weights([np.eye(D, K) / 20, np.zeros(K)])
    return model


@pytest.mark.parametrize(("size", "tau"), [(-8.0, 0.0), (8.0, 1.0)])
def test_of_images_known_by_heart_no_share_beyond_0_and_1_is_believed(model, size, tau):
    """The least certain images decide alone: here those of the head, or the tail."""
    log_prior = np.log(np.array(COUNTS) / sum(COUNTS))
    model.layers[0].set_weights([np.eye(D, K), size * (log_prior - log_prior.mean())])
    choice = spa.choose_alignment(model, data(COUNTS), verbose=0)
    assert "knows its training images" in str(choice)
    assert choice.tau == tau
    words = "with" if tau else "against"
    assert str(choice).startswith(f"Trained {words} the training frequencies")


def test_held_out_images_that_lack_classes(model):
    """They leave what they cannot tell as the rule has it, and the verdict says so."""
    train = data([60, 20, 8], noise=20.0)
    rule = spa.choose_alignment(model, train, verbose=0)
    images, labels = data([0, 0, 4])
    choice = spa.choose_alignment(model, train, (images, labels), verbose=0)
    numbers = np.array(rule.numbers[:3]) / rule.temperature
    np.testing.assert_allclose(choice.numbers[:3], numbers, rtol=1e-6)
    assert str(choice).endswith("lack classes, fitted by the others: 0, 1.")
    assert not spa.choose_alignment(model, train, data([1, 1, 1]), verbose=0).notes


def test_many_held_out_images_are_fitted_by_a_random_part(model, monkeypatch):
    train, held_out = data([60, 20, 8], noise=20.0), data([500] * K, noise=20.0)
    whole = spa.choose_alignment(model, train, held_out, verbose=0)
    monkeypatch.setattr("keras_spa.trained._passes.MOST_LOGITS", 2000)
    part = spa.choose_alignment(model, train, held_out, verbose=0)
    assert not whole.notes
    (note,) = part.notes
    fitted, images = map(int, re.findall(r"\d+", note.replace(",", "")))
    assert images == 1500
    assert 500 <= fitted <= 1000
    assert part.scale != whole.scale
    assert part.scale == pytest.approx(whole.scale, abs=0.3)


def test_a_dictionary_of_one_output():
    inputs = keras.Input((D,))
    model = keras.Model(inputs, {"logits": layers.Dense(K)(inputs)})
    images, labels = data([30, 10, 5])
    aligned = spa.align(model, (images, labels), verbose=0)
    outputs = aligned.predict(images, verbose=0)["logits"]
    assert np.mean(outputs.argmax(axis=1) == labels) == 1


def test_a_model_that_guesses_is_told(model):
    """Before, it came out as confident as it was, without a word."""
    images, labels = data([90, 30, 12])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        spa.align(model, (images, labels), verbose=0)
    for wrong in (labels - 1) % K, np.random.RandomState(0).permutation(labels):
        with pytest.warns(UserWarning, match="no more than guessing.*order of its"):
            spa.align(model, (images, wrong), verbose=0)


def test_augmented_batches_of_other_frequencies_give_the_same_noise(model):
    """Each class counts alike, however often its images come."""
    images, labels = data([40, 8, 4])
    images[labels == 2, 0] += 9 * np.array([1, -1, 1, -1])
    often = np.repeat(np.arange(len(labels)), np.array([1, 5, 10])[labels])
    balanced = [(images[often], labels[often])]
    own = [(images, labels)]
    given = {"batch_size": 99, "verbose": 0}
    kernels = [
        spa.align(model, (images, labels), augment=augment, **given).get_weights()[0]
        for augment in (own, balanced, iter(own))
    ]
    np.testing.assert_allclose(kernels[1], kernels[0], rtol=1e-5)
    np.testing.assert_allclose(kernels[2], kernels[0], rtol=1e-5)
    with pytest.raises(ValueError, match="`augment` must be data that can be gone"):
        spa.align(model, (images, labels), augment=iter(balanced), **given)


class Drawn(keras.utils.PyDataset):
    """Each pass draws other images, in other numbers of each class."""

    def __init__(self, images, labels):
        super().__init__()
        self.images, self.labels = images, labels
        self.random = np.random.RandomState(0)

    def __len__(self):
        return 2

    def __getitem__(self, _):
        rows = self.random.randint(0, len(self.labels), len(self.labels))
        rows[:K] = np.unique(self.labels, return_index=True)[1]
        return self.images[rows], self.labels[rows]


def test_data_that_are_drawn_anew_may_be_augmented_by_a_function(model):
    drawn = Drawn(*data([40, 8, 2], noise=20.0))
    for _ in range(4):
        aligned = spa.align(model, drawn, augment=lambda x: x + 1, verbose=0)
    assert np.abs(aligned.get_weights()[0] - model.get_weights()[0]).max() > 0


def test_augmented_batches_in_training_frequencies_may_lack_classes(model):
    images, labels = data([40, 8, 4])
    some = labels < 1
    once = iter([(images[some], labels[some])])
    given = {"batch_size": 99, "verbose": 0}
    kernels = [
        spa.align(model, (images, labels), augment=augment, **given).get_weights()[0]
        for augment in (once, [(images[some], labels[some])])
    ]
    np.testing.assert_allclose(*kernels, rtol=1e-6)
