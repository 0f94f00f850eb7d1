"""CIFAR through TensorFlow Datasets that the test prepares itself."""

import numpy as np
import pytest
from cifar_for_tfds import CLASSES, EACH, official, prepare

from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts, long_tail_indices
from keras_spa.data.sources import tfds as tfds_source


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    builder = prepare(folder)
    stored = [
        example["id"] for example in builder.as_dataset("train").as_numpy_iterator()
    ]
    assert stored != sorted(stored), "the test must start from another order"
    return folder


def test_the_official_order_comes_back(prepared):
    data = load("cifar10", data_dir=prepared)
    for split in ("train", "test"):
        images, labels = official(split)
        loaded = getattr(data, split)
        np.testing.assert_array_equal(loaded.images, images)
        np.testing.assert_array_equal(loaded.labels, labels)
        assert (loaded.images.dtype, loaded.labels.dtype) == (np.uint8, np.int32)
    assert (data.name, data.validation) == ("cifar10", None)
    assert data.class_names == tuple(f"c{c}" for c in range(10))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_subset_is_the_communitys(prepared, seed):
    data = load("cifar10", 5, seed=seed, data_dir=prepared)
    images, labels = official("train")
    kept = long_tail_indices(labels, long_tail_counts(CLASSES, EACH, 5), seed)
    np.testing.assert_array_equal(data.train.images, images[kept])
    np.testing.assert_array_equal(data.train.labels, labels[kept])
    assert len(data.test.labels) == CLASSES * 2


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("image {i}", "120 other values, such as image"),
        ("test_{i:05d}", "120 other values, such as test_"),
        (lambda split, i: f"{split}_{i + 1}", "1 other values.*0 numbers.*1 missing"),
        (lambda split, i: f"{split}_{i // 2}", "0 other values; 60 numbers more than"),
    ],
)
def test_ids_that_give_no_order_are_told(tmp_path, ids, message):
    prepare(tmp_path, ids)
    expected = "official order of 'cifar10' .*train_0 .. train_119, each once.*"
    with pytest.raises(ValueError, match=expected + message):
        load("cifar10", data_dir=tmp_path)


def test_what_is_not_prepared_is_told_at_once(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError("nothing may be downloaded")

    tfds = tfds_source.import_tfds()
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    expected = (
        rf"Not in .*tfds build cifar100 --data_dir={tmp_path}.*download=True.*npz:PATH"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        load("cifar100", 100, data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_download_that_fails_is_told(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise ConnectionError("no route to host")

    tfds = tfds_source.import_tfds()
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", no_network)
    expected = "The download to .*cifar100.* failed: ConnectionError.*tfds build"
    with pytest.raises(FileNotFoundError, match=expected):
        load("cifar100", data_dir=tmp_path, download=True)
