import keras
import numpy as np
import pytest

from keras_spa.data import Batches, ImageFiles, epoch_order

IMAGES = np.arange(10)[:, None].astype("float32")
LABELS = np.arange(10) % 3


def seen(batches):
    return np.concatenate([batches[i][0][:, 0] for i in range(len(batches))])


def test_epochs_follow_epoch_order_also_from_the_middle():
    batches = Batches((IMAGES, LABELS), 4, seed=5)
    later = Batches((IMAGES, LABELS), 4, seed=5, first_epoch=2)
    for epoch in range(2):
        np.testing.assert_array_equal(seen(batches), epoch_order(LABELS, epoch, 5))
        batches.on_epoch_end()
    np.testing.assert_array_equal(seen(batches), seen(later))


def test_an_epoch_from_one_of_its_batches_on():
    batches = Batches((IMAGES, LABELS), 4, seed=5, first_epoch=2, first_batch=1)
    assert len(batches) == 2
    np.testing.assert_array_equal(seen(batches), epoch_order(LABELS, 2, 5)[4:])
    batches.on_epoch_end()
    np.testing.assert_array_equal(seen(batches), epoch_order(LABELS, 3, 5))
    with pytest.raises(ValueError, match="`first_batch`.* in 0..2.*=3"):
        batches.start(0, 3)


def test_fit_goes_through_the_epochs_after_its_first_look():
    class Spy(Batches):
        rows = []

        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            self.rows.extend(x[:, 0].astype(int))
            return x, y

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3)])
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(True), run_eagerly=True
    )
    model.build((None, 1))
    batches = Spy((IMAGES, LABELS), 4)
    model.fit(batches, epochs=3, shuffle=False, verbose=0)
    expected = np.concatenate([epoch_order(LABELS, epoch) for epoch in (1, 2, 3)])
    np.testing.assert_array_equal(batches.rows[-30:], expected)


def test_last_batch_is_smaller():
    batches = Batches((IMAGES, LABELS), 4)
    assert [len(batches[i][1]) for i in range(len(batches))] == [4, 4, 2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (IMAGES[0], "`data` must be a pair.*ndarray"),
        ((IMAGES, LABELS[:9]), "10 images, 9 labels"),
        ((IMAGES[:0], LABELS[:0]), "0 images, 0 labels"),
        ((ImageFiles(["a.png"]), [0]), "an array of images; files go .*1 files"),
    ],
)
def test_bad_data(data, words):
    with pytest.raises(ValueError, match=words):
        Batches(data, 4)
