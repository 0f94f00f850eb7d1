"""Bad input ends in a ValueError that names the argument, before any training."""

import keras
import numpy as np
import pytest
import toys

import keras_spa as spa

Dense = keras.layers.Dense


@pytest.mark.parametrize(
    ("backbone", "classifier", "arguments", "message"),
    [
        (lambda x: x, Dense(3), {}, "`backbone` must be a keras.Layer"),
        (toys.backbone(), None, {}, "`classifier` must be a keras.Layer"),
        (
            keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)]),
            Dense(3),
            {},
            r"`backbone` must give features of shape \(B, d\)",
        ),
        (toys.backbone(), keras.layers.Flatten(), {}, "`classifier` .* `kernel`"),
        (toys.backbone(), Dense(1), {}, "`classifier` .*K at least 2"),
        (toys.backbone(), Dense(3), {"alignment": "spa"}, "`alignment` must be"),
        (toys.backbone(), Dense(3), {"alignment": [0.1]}, "`alignment` must be"),
        (toys.backbone(), Dense(3), {"momentum": 1.5}, r"`momentum` .* in \[0, 1\]"),
        (toys.backbone(), Dense(3), {"momentum": float("nan")}, "`momentum`"),
        (
            toys.backbone(),
            Dense(3),
            {"alignment": spa.SpAReg(class_means=spa.layers.ClassMeans(3))},
            "`alignment` must come without `class_means`",
        ),
    ],
)
def test_constructor_names_the_argument(backbone, classifier, arguments, message):
    with pytest.raises(ValueError, match=message):
        spa.SpAModel(backbone, classifier, **arguments)


def test_a_convolution_is_no_classifier():
    flat = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
    convolution = keras.layers.Conv1D(3, 1)
    convolution.build((None, 5, 6))
    with pytest.raises(ValueError, match=r"`classifier`.*Conv1D with kernel shape"):
        spa.SpAModel(flat, convolution)


def test_an_unbuilt_backbone_is_checked_when_built():
    model = spa.SpAModel(keras.layers.Conv2D(4, 3), Dense(3))
    with pytest.raises(ValueError, match="`backbone` must give features"):
        model(np.zeros((2, 8, 8, 1), "float32"))


def test_an_unbuilt_backbone_works():
    x, y = toys.data()
    model = spa.SpAModel(Dense(toys.FEATURES), Dense(toys.CLASSES), spa.SpASLERP())
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    assert "alignment" in model.fit(x, y, verbose=0).history


@pytest.mark.parametrize("alignment", [None, *toys.all_alignments()])
def test_the_first_of_an_iterators_batches_builds_it(alignment):
    """Before, TensorFlow asked a head for a kernel that it did not have yet."""
    model = spa.SpAModel(Dense(toys.FEATURES), Dense(toys.CLASSES), alignment)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    batches = (toys.data() for _ in range(9))
    assert "alignment" in model.fit(batches, steps_per_epoch=1, verbose=0).history


class Twos(keras.utils.PyDataset):
    """Batches whose labels are shifted by one, as 1..K."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        x, y = toys.data(8)
        return x, y + 1


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: y + 1,
        lambda y: y - 1,
        lambda y: y.astype("float32") + 0.5,
        lambda y: np.full(len(y), np.nan, "float32"),
        lambda y: (y + 1)[:, None],
        lambda y: np.stack([y] * 3, axis=1),
        lambda y: -np.eye(toys.CLASSES)[y],
        lambda y: np.eye(toys.CLASSES)[y][None],
    ],
)
def test_fit_refuses_wrong_labels_before_training(labels):
    x, y = toys.data()
    model = toys.model(spa.SpASLERP())
    before = toys.state(model)
    with pytest.raises(ValueError, match="`labels` must be"):
        model.fit(x, labels(y), verbose=0)
    for path, value in toys.state(model).items():
        np.testing.assert_array_equal(value, before[path])


def test_fit_refuses_wrong_labels_of_a_dataset():
    with pytest.raises(ValueError, match=r"`labels` must be integers in 0\.\.3.* 4"):
        toys.model().fit(Twos(), verbose=0)


def test_an_eager_step_refuses_wrong_labels_of_any_source():
    model = toys.model(compiled={"run_eagerly": True})
    x, y = toys.data(16)
    with pytest.raises(ValueError, match="`labels` must be"):
        model.fit(((x, y + 1) for _ in range(2)), steps_per_epoch=2, verbose=0)
