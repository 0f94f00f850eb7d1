"""Which folders are splits, which are classes, and one file in several of them."""

import contextlib
import os
import warnings

import pytest
from image_folders import load_quietly, names, told
from PIL import Image

from keras_spa.data.load import load


def pictures(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(folder / name)


def test_a_class_may_be_called_train(tmp_path):
    """As one of CIFAR-100 is. Before, it was taken for a split without classes."""
    pictures(tmp_path, "bus/1.png", "car/1.png", "train/1.png", "Test/1.png")
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("Test", "bus", "car", "train")
    assert [*data.splits()] == ["train"]
    pictures(tmp_path, "all/train/bus/1.png", "all/train/train/1.png")
    assert load(f"folder:{tmp_path}/all").class_names == ("bus", "train")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train/cat.0.png", "test/1.png"], "images without a class in test, train: "),
        (["train/1.png", "val/.x/1.png"], "images without a class in train: these are"),
        (["train/a/1.png", "train/1.png"], r"at least 2 class.* Received: \['a'\]"),
        (["train/1.png", "test/a/1.png"], "folder `train` beside `test`, with a fold"),
    ],
)
def test_images_without_classes_are_refused(tmp_path, files, message):
    """Kaggle's `train/cat.0.jpg`, `test/1.jpg` were of two classes, test and train."""
    pictures(tmp_path, *files)
    with pytest.raises(ValueError, match=message):
        load(f"folder:{tmp_path}")


def test_a_test_set_without_classes_is_left_out(folder):
    pictures(folder, "val/1.png", "val/2.png", "val/@eaDir/1.png")
    data, message = told(folder)
    assert "': 2 × image without a class in val. Read are" in message
    assert [*data.splits()] == ["train", "test"]


def test_images_beside_class_folders_are_left_out(folder):
    expected = load(f"folder:{folder}")
    pictures(folder, "train/overview.png", "test/overview.png")
    data, message = told(folder)
    assert "': 2 × .png file outside of a class. Read are" in message
    assert names(data.train) == names(expected.train)
    assert names(data.test) == names(expected.test)


@pytest.mark.parametrize(
    "more", [".thumbs/1.png", "@eaDir/1.png", "@eaDir/1.png/M.png"]
)
def test_what_a_system_puts_there_makes_no_split(tmp_path, more):
    pictures(tmp_path, "bus/1.png", "car/1.png", "train/1.png", "@eaDir/1.png")
    pictures(tmp_path, f"train/{more}", f"bus/{more}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(f"folder:{tmp_path}")
    assert data.class_names == ("bus", "car", "train")
    assert data.class_counts.tolist() == [1, 1, 1]


def test_one_path_in_two_splits_or_classes_is_refused(folder):
    (folder / "val").symlink_to(folder / "test")
    with pytest.raises(ValueError, match="under one split. Received 2 files"):
        load(f"folder:{folder}")
    (folder / "val").unlink()
    (folder / "train/dog").symlink_to(folder / "train/cat")
    told = "under one label. Received 2 files .*0.jpg' as cat and .*0.jpg' as dog"
    with pytest.raises(ValueError, match=told):
        load(f"folder:{folder}")


@pytest.mark.parametrize("make", ["symlink_to", "hardlink_to"])
def test_one_file_by_two_names_is_told(folder, make):
    """Stores such as DVC's link all equal files to one: such data were refused."""
    for link, place in (("test/ant/9.jpg", "test"), ("train/bee/9.jpg", "train")):
        getattr(folder / link, make)(folder / "train/ant/0.jpg")
        told = (
            rf"has 1 entries .* another split or class.*0.jpg' \(train, ant\) .*{link}"
        )
        with pytest.warns(UserWarning, match=rf"{told}' \({place}, ") as warned:
            data = load(f"folder:{folder}")
        assert [one.filename for one in warned] == [__file__]
        assert str(folder / link) in data.splits()[place].images.paths.tolist()
        (folder / link).unlink()


def test_a_file_that_is_twice_in_a_class_is_kept(folder):
    (folder / "train/ant/9.jpg").symlink_to(folder / "train/ant/0.jpg")
    (folder / "train/cat/9.jpg").symlink_to(folder / "nowhere.jpg")
    with pytest.warns(UserWarning, match="has 1 entries .*ant/9.jpg'. All") as warned:
        data = load(f"folder:{folder}")
    assert [one.filename for one in warned] == [__file__]
    assert data.class_counts.tolist() == [5, 3, 3]
    assert names(data.test) == ["ant/0.jpg", "cat/0.jpg"]


def test_file_systems_without_numbers_of_files_are_not_believed(folder, monkeypatch):
    """FUSE may list all files under one number: they are not one file for that."""
    expected, scandir = load(f"folder:{folder}"), os.scandir

    class Entry:
        def __init__(self, entry):
            self.entry = entry

        def __getattr__(self, name):
            return (lambda: 7) if name == "inode" else getattr(self.entry, name)

    @contextlib.contextmanager
    def listed(path):
        with scandir(path) as entries:
            yield map(Entry, entries)

    monkeypatch.setattr("os.scandir", listed)
    data = load_quietly(folder)
    assert names(data.train) == names(expected.train)
    assert names(data.test) == names(expected.test)
    (folder / "test/ant/same.jpg").hardlink_to(folder / "train/ant/0.jpg")
    with pytest.warns(UserWarning, match="has 1 entries .* another split or class"):
        load(f"folder:{folder}")


def test_the_order_of_numbers_is_told_where_it_is_that_of_text(tmp_path):
    pictures(tmp_path, *(f"{c}/1.png" for c in range(12)))
    with pytest.warns(UserWarning, match="as Keras does: 0, 1, 10, 11, 2, ...$") as w:
        data = load(f"folder:{tmp_path}")
    assert [one.filename for one in w] == [__file__]
    assert data.class_names[:4] == ("0", "1", "10", "11")
    for c in range(10, 12):
        (tmp_path / f"{c}/1.png").unlink()
        (tmp_path / f"{c}").rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(f"folder:{tmp_path}")
