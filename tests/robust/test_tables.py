"""Rows of pandas and polars count by their place, whatever their index says.

`Series[indices]` chooses by index: of a table that was shuffled, `Split.take` gave
other labels, without a word.
"""

import numpy as np
import pytest
import toys

import keras_spa as spa

pd = pytest.importorskip("pandas")
X, Y = toys.data(48)
RANDOM = np.random.RandomState(0)
INDICES = {
    "shuffled": RANDOM.permutation(len(Y)),
    "filtered": np.arange(len(Y)) + 100,
    "of floats": 2.0 * np.arange(len(Y)),
    "of texts": [f"row {n}" for n in range(len(Y))],
}
IMAGES = RANDOM.randint(0, 255, (len(Y), 4, 4, 3)).astype("uint8")


@pytest.fixture(params=INDICES)
def tables(request):
    index = INDICES[request.param]
    return pd.DataFrame(X, index=index), pd.Series(Y, index=index)


def numbers(report):
    return list(report.metrics.values())


def test_a_split_takes_rows_by_place(tables):
    split = spa.data.Split(IMAGES, tables[1])
    chosen = np.array([5, 0, 11])
    images, labels = split.take(chosen)
    np.testing.assert_array_equal(labels, Y[chosen])
    np.testing.assert_array_equal(images, IMAGES[chosen])
    np.testing.assert_array_equal(split.take(tables[1] == 1).labels, Y[Y == 1])


def test_looks_at_a_model_take_rows_by_place(tables):
    model = toys.model()
    for batch_size in (10, 48):
        given = {"batch_size": batch_size, "verbose": 0}
        found = numbers(spa.diagnose(model, tables, **given))
        right = numbers(spa.diagnose(model, (X, Y), **given))
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)
    aligned = [spa.align(model, data, verbose=0) for data in (tables, (X, Y))]
    weights = [one.get_weights() for one in aligned]
    for found, right in zip(*weights, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_training_takes_rows_by_place(tables):
    losses = []
    for data in (tables, (X, Y)):
        model = toys.model(compiled=toys.EAGER)
        model.fit(*data, batch_size=16, shuffle=False, verbose=0)
        losses.append(model.evaluate(*data, verbose=0))
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_data_take_labels_by_place(tables):
    def drawn(labels):
        batches = spa.data.Batches((IMAGES, labels), 16, sampling="class_balanced")
        piped = spa.data.pipeline((IMAGES, labels), 16, training=True, seed=0)
        subset = spa.data.long_tail_indices(labels, [4, 3, 2, 1], seed=0)
        return [batches[0][1], *(np.asarray(y) for _, y in piped), subset]

    for found, right in zip(drawn(tables[1]), drawn(Y), strict=True):
        np.testing.assert_array_equal(found, right)


def test_a_table_of_paths_is_named():
    with pytest.raises(ValueError, match="`paths` must.*one column"):
        spa.data.ImageFiles(pd.DataFrame({"path": ["a.png"], "label": [0]}))


def test_missing_labels_are_named(tables):
    labels = tables[1].astype("Int64").copy()
    labels.iloc[3] = pd.NA
    model = toys.model(compiled=toys.EAGER)
    for call in (
        lambda: model.fit(tables[0], labels, verbose=0),
        lambda: spa.diagnose(model, (tables[0], labels), verbose=0),
        lambda: spa.data.long_tail_indices(labels, [4, 3, 2, 1]),
    ):
        with pytest.raises(ValueError, match="`(labels|dataset|y)`"):
            call()
