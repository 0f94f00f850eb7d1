import errno
import os

import numpy as np
import pytest
from archives import archive, balanced, numbered, numbers

from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts, long_tail_indices


def test_all_of_an_archive_is_kept_as_it_stands(tmp_path):
    labels = balanced(3, 5)
    data = load(archive(tmp_path, labels, class_names=np.array(["a", "b", "c"])))
    assert (data.name, data.class_names, data.num_classes) == (
        "some",
        ("a", "b", "c"),
        3,
    )
    np.testing.assert_array_equal(numbers(data.train.images), np.arange(15))
    np.testing.assert_array_equal(data.train.labels, labels)
    assert data.train.labels.dtype == data.test.labels.dtype == np.int32
    assert data.train.images.dtype == data.test.images.dtype == np.uint8
    assert (data.validation, data.validation_source, data.skipped) == (None, None, ())
    assert data.test.labels.tolist() == [0, 1, 0, 1]
    assert data.class_counts.dtype == np.int64
    assert data.class_counts.tolist() == [5, 5, 5]


@pytest.mark.parametrize(("seed", "profile"), [(0, "exp"), (3, "exp"), (0, "step")])
def test_the_subset_is_the_communitys(tmp_path, seed, profile):
    labels = balanced(10, 60)
    data = load(archive(tmp_path, labels), 20, seed=seed, profile=profile)
    expected = long_tail_indices(labels, long_tail_counts(10, 60, 20, profile), seed)
    np.testing.assert_array_equal(numbers(data.train.images), expected)
    np.testing.assert_array_equal(data.train.labels, labels[expected])
    assert len(data.test.labels) == 4


@pytest.mark.parametrize(
    ("classes", "most", "totals"),
    [
        (10, 5000, {None: 13996, 50: 13996, 100: 12406, 200: 11203}),
        (100, 500, {None: 12608, 50: 12608, 100: 10847, 200: 9502}),
    ],
)
def test_a_long_tailed_archive_gives_the_rarer_subsets(tmp_path, classes, most, totals):
    """The archive holds the community's subset at IF 50, in its shuffled order."""
    pool = balanced(classes, most)
    drawn = long_tail_indices(pool, long_tail_counts(classes, most, 50))
    name = archive(tmp_path, pool[drawn], x_train=numbered(len(drawn)))
    for factor, total in totals.items():
        data = load(name, factor, order="file")
        assert len(data.train.images) == len(data.train.labels) == total
        if factor:
            expected = long_tail_indices(pool, long_tail_counts(classes, most, factor))
            kept = drawn[numbers(data.train.images)]
            np.testing.assert_array_equal(kept, expected)


def test_there_need_be_no_test_set_and_may_be_a_validation_set(tmp_path):
    labels = balanced(3, 5)
    data = load(archive(tmp_path, labels, x_test=None, y_test=None))
    assert (data.validation, data.test, data.validation_source) == (None, None, None)
    data = load(archive(tmp_path, labels, x_val=numbered(3), y_val=labels[:3]))
    np.testing.assert_array_equal(numbers(data.validation.images), [0, 1, 2])
    np.testing.assert_array_equal(data.validation.labels, labels[:3])
    assert data.validation_source == "official"
    assert len(data.test.labels) == 4


def test_keys_that_are_not_read_are_told(tmp_path):
    labels = balanced(3, 5)
    other = {"x_validation": numbered(3), "y_validation": labels[:3]}
    with pytest.warns(UserWarning, match="some.npz': x_validation, y_validation. Read"):
        data = load(archive(tmp_path, labels, **other, train_index=np.arange(15)))
    assert data.validation is None


def test_shapes_of_images_and_labels(tmp_path):
    column = np.array([[0], [1], [1]], "uint8")
    grey = np.zeros((3, 5, 4), "uint8")
    name = archive(tmp_path, column, x_train=grey, x_test=np.zeros((4, 5, 4), "uint8"))
    data = load(name)
    assert data.train.images.shape == (3, 5, 4, 1)
    assert data.train.labels.tolist() == [0, 1, 1]
    assert data.class_names == ("0", "1")


def test_a_relative_path_starts_from_data_dir(tmp_path):
    archive(tmp_path, [0, 1])
    assert load("npz:some.npz", data_dir=tmp_path).num_classes == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"x_train": None},
            "keys x_train, y_train, x_test, y_test. Missing: x_train. ",
        ),
        (
            {"x_train": None, "y_train": None},
            "It has: .*To judge a model .* name them x_train and y_train$",
        ),
        ({"y_test": None}, "Missing: y_test. It has: x_train"),
        ({"x_val": np.zeros((3, 2, 2, 1), "uint8")}, "Missing: y_val. It has"),
        ({"x_train": np.zeros((3, 2, 2, 1))}, "`x_train` must .*uint8.*float64"),
        ({"x_train": np.zeros((3, 4), "uint8")}, r"`x_train` must .*\(3, 4\)"),
        ({"x_train": np.zeros((3, 3, 8, 8), "uint8")}, r"`x_train` .*\(3, 3, 8, 8\)"),
        ({"x_train": np.zeros((3, 0, 2, 1), "uint8")}, r"`x_train` .*\(3, 0, 2, 1\)"),
        ({"x_train": np.zeros((3, 2, 3, 1), "uint8")}, "of one shape"),
        ({"x_train": np.array([{}, 1, 2], object)}, "`x_train` .*pickle"),
        ({"y_train": np.array([0, None, 1], object)}, "`y_train` .*pickle"),
        ({"y_train": np.array([0.0, 1.0, 1.0])}, "`y_train` must .*integer.*float64"),
        ({"y_train": np.array([*"abc"])}, "`y_train` .*; names go to `class_names`. R"),
        ({"y_train": np.array([b"a", b"b", b"c"])}, "`y_train` .*dtype .S1$"),
        ({"y_train": np.eye(3, dtype=int)}, r"`y_train` must .*\(3, 3\)"),
        ({"y_train": np.array([0, 1])}, "`train` must .*3 images, 2 labels"),
        ({"y_train": np.array([0, 2, 2])}, "without a gap.*2 classes, from 0 to 2"),
        ({"y_train": np.array([-1, 0, 1])}, "without a gap.*3 classes, from -1 to 1"),
        ({"y_train": np.array([0, 1, 2**40])}, "without a gap.*to 1099511627776"),
        (
            {"y_train": np.array([0, 0, 0]), "y_test": np.zeros(4, int)},
            "at least 2 classes",
        ),
        ({"y_test": np.array([0, 1, 2**32, 7])}, r"`y_test` .*0\.\.1.*2 others of 4"),
        ({"class_names": np.array(["a"])}, r"`y_train` must .*0\.\.0.*2 others of 3"),
        (
            {"class_names": np.array(["a", "b", "c"])},
            r"none for 1 of 3 classes: 2 \(c\)\. Leave them out of `class_names`, and",
        ),
        ({"class_names": np.array([1, 2])}, "`class_names` must hold strings"),
    ],
)
def test_a_bad_archive_is_told(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load(archive(tmp_path, [0, 1, 1], **change))


def test_files_that_are_no_archives_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        load(f"npz:{tmp_path / 'nowhere.npz'}")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="one.npy' is a single array"):
        load(f"npz:{tmp_path / 'one.npy'}")
    archive(tmp_path, np.repeat([0, 1], 200))
    whole = (tmp_path / "some.npz").read_bytes()
    for content in (b"", b"nonsense", whole[:700]):
        (tmp_path / "some.npz").write_bytes(content)
        with pytest.raises(ValueError, match="some.npz' is not a whole .npz archive"):
            load(f"npz:{tmp_path / 'some.npz'}")
    damaged = bytearray(whole)
    damaged[400:420] = b"\xff" * 20
    (tmp_path / "some.npz").write_bytes(damaged)
    with pytest.raises(ValueError, match="`x_train` of .*some.npz' must be a whole"):
        load(f"npz:{tmp_path / 'some.npz'}")


def test_a_damaged_compressed_archive_is_told_by_name(tmp_path):
    """Before, an error of zlib's, without the file's name."""
    path = tmp_path / "small.npz"
    x = np.random.default_rng(0).integers(0, 255, (40, 6, 6, 1)).astype("uint8")
    np.savez_compressed(path, x_train=x, y_train=np.repeat([0, 1], 20))
    whole = path.read_bytes()
    for start in range(60, 400, 20):
        damaged = bytearray(whole)
        damaged[start : start + 20] = bytes(20)
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="`x_train` of .*small.npz' must be a who"):
            load(f"npz:{path}")
    strange = bytearray(whole)  # says that it is compressed by another method
    where = strange.rfind(b"PK\x01\x02") + 10
    strange[where], strange[strange.rfind(b"PK\x03\x04") + 8] = 99, 99
    path.write_bytes(strange)
    with pytest.raises(ValueError, match="`y_train` of .*small.npz' must be a whole"):
        load(f"npz:{path}")


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_errors_of_a_disk_are_no_damage(tmp_path, monkeypatch, number):
    """Before, they read as an archive that is not whole."""

    def failing(*_):
        raise OSError(number, os.strerror(number))

    name = archive(tmp_path, [0, 1, 1])
    monkeypatch.setattr("zipfile.ZipExtFile.read", failing)
    with pytest.raises(OSError, match=os.strerror(number)):
        load(name)


def test_two_classes_of_one_name_are_two(tmp_path):
    """Two of ImageNet's are called crane, two maillot."""
    data = load(archive(tmp_path, [0, 1, 1], class_names=np.array(["crane", "crane"])))
    assert data.class_names == ("crane", "crane")
    assert data.class_counts.tolist() == [1, 2]
