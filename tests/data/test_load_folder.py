import contextlib
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load


@pytest.fixture
def folder(tmp_path):
    """train/ and test/ of ant (4), bee (3) and cat (2), one colour an image."""
    counts = {"train": {"bee": 3, "ant": 4, "cat": 2}, "test": {"cat": 1, "ant": 1}}
    for split, classes in counts.items():
        for name, count in classes.items():
            (tmp_path / "zoo" / split / name).mkdir(parents=True)
            for i, ending in zip(
                range(count), ("jpg", "PNG", "jpeg", "bmp"), strict=False
            ):
                path = tmp_path / "zoo" / split / name / f"{i}.{ending}"
                Image.new("RGB", (40, 30), (10 * i, 0, 0)).save(path)
    (tmp_path / "zoo" / "train" / "ant" / ".hidden.jpg").touch()
    (tmp_path / "zoo" / "train" / ".cache").mkdir()
    return tmp_path / "zoo"


def names(split):
    return ["/".join(path.split("/")[-2:]) for path in split.images.paths.tolist()]


def test_a_folder_by_class_and_file_name(folder):
    data = load(f"folder:{folder}")
    assert (data.name, data.class_names) == ("zoo", ("ant", "bee", "cat"))
    assert isinstance(data.train.images, ImageFiles)
    assert names(data.train) == [
        *("ant/0.jpg", "ant/1.PNG", "ant/2.jpeg", "ant/3.bmp"),
        *("bee/0.jpg", "bee/1.PNG", "bee/2.jpeg", "cat/0.jpg", "cat/1.PNG"),
    ]
    assert data.train.labels.tolist() == [0] * 4 + [1] * 3 + [2] * 2
    assert names(data.test) == ["ant/0.jpg", "cat/0.jpg"]
    assert data.test.labels.tolist() == [0, 2]
    assert data.train.images[0].shape == (30, 40, 3)
    assert data.train.labels.dtype == np.int32


def test_a_folder_is_thinned_out(folder):
    data = load("folder:zoo", 4, data_dir=folder.parent, order="file")
    assert names(data.train) == [
        f"ant/{n}" for n in ("0.jpg", "1.PNG", "2.jpeg", "3.bmp")
    ] + [*("bee/0.jpg", "bee/1.PNG", "cat/0.jpg")]
    drawn = load(f"folder:{folder}", 3, validation_per_class=1)
    assert drawn.class_counts.tolist() == [3, 1, 1]
    kept, held_out = set(names(drawn.train)), set(names(drawn.validation))
    assert (len(kept), len(held_out), len(kept | held_out)) == (5, 3, 8)


def test_a_folder_without_a_test_set(folder):
    (folder / "test").rename(folder / "elsewhere")
    assert load(f"folder:{folder}").test is None


def test_validation_images_have_a_folder(folder):
    for name in ("val", "validation"):
        (folder / "test").rename(folder / name)
        data = load(f"folder:{folder}")
        assert names(data.validation) == ["ant/0.jpg", "cat/0.jpg"]
        assert (data.test, data.validation_source) == (None, "official")
        thinned = load(f"folder:{folder}", 2)
        assert names(thinned.validation) == ["ant/0.jpg", "cat/0.jpg"]
        assert thinned.validation_source == "official"
        (folder / name).rename(folder / "test")


def test_classes_may_lie_straight_away(folder):
    expected = names(load(f"folder:{folder}").train)
    data = load(f"folder:{folder}/train")
    assert (data.name, data.class_names) == ("train", ("ant", "bee", "cat"))
    assert names(data.train) == expected
    assert data.test is None
    (folder / "train").rename(folder / "training")
    with pytest.raises(ValueError, match="must have a folder `train` beside `test`"):
        load(f"folder:{folder}")


def test_bad_folders_are_told(folder):
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere'"):
        load(f"folder:{folder}/nowhere")
    (folder / "test" / "dog").mkdir()
    with pytest.raises(ValueError, match="1 of 3 that are not: dog"):
        load(f"folder:{folder}")
    (folder / "train" / "dog").mkdir()
    with pytest.raises(ValueError, match="train/dog' must hold images .*Received none"):
        load(f"folder:{folder}")
    (folder / "one" / "train" / "ant").mkdir(parents=True)
    with pytest.raises(
        ValueError, match=r"at least 2 class folders. Received: \['ant'\]"
    ):
        load(f"folder:{folder}/one")


def test_damaged_files_are_named_or_left_out(folder):
    for damaged in ("train/ant/0.jpg", "test/cat/0.jpg"):
        path = folder / damaged
        path.write_bytes(path.read_bytes()[:300])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(f"folder:{folder}").skipped == ()
    with pytest.raises(ValueError, match="Cannot read the image .*ant/0.jpg"):
        load(f"folder:{folder}", verify=True)
    with pytest.warns(
        UserWarning, match="Left out 2 of 11 image files.*ant/0.jpg"
    ) as told:
        data = load(f"folder:{folder}", on_error="skip")
    assert told[0].filename == __file__
    assert [path[len(str(folder)) :] for path in data.skipped] == [
        "/train/ant/0.jpg",
        "/test/cat/0.jpg",
    ]
    assert data.class_counts.tolist() == [3, 3, 2]
    assert names(data.train)[0] == "ant/1.PNG"
    assert data.test.labels.tolist() == [0]


def test_a_class_of_damaged_files_alone_is_told(folder):
    for path in (folder / "train" / "cat").iterdir():
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="Left out 2 of 11"),
        pytest.raises(ValueError, match=r"none for 1 of 3 classes: 2 \(cat\)"),
    ):
        load(f"folder:{folder}", on_error="skip")


def told(folder):
    with pytest.warns(UserWarning, match="Left out of ") as warned:
        data = load(f"folder:{folder}")
    assert [one.filename for one in warned] == [__file__]
    return data, str(warned[0].message)


def test_what_is_not_read_is_counted(folder):
    """All of it: of other endings, deeper, beside, and folders named like images."""
    expected = load(f"folder:{folder}")
    for name in ("train/ant/a.HEIC", "test/ant/b.heic", "train/bee/notes.txt"):
        (folder / name).touch()
    for name in ("train/cat/d.jpg", "train/cat/more", "valid/ant"):
        (folder / name).mkdir(parents=True)
    for name in ("train/labels.csv", "README", "valid/ant/1.jpg"):
        (folder / name).touch()
    data, message = told(folder)
    assert (
        "1 × .csv file outside of a class, 2 × .heic file in a class, 1 × .txt file "
        "in a class, 1 × folder beside train, 2 × folder in a class, 1 × other file "
        "beside train. Read are "
    ) in message
    for split, other in zip(
        data.splits().values(), expected.splits().values(), strict=True
    ):
        assert names(split) == names(other)


def test_upper_case_endings_and_folders_are_read(folder):
    expected = load(f"folder:{folder}")
    (folder / "train").rename(folder / "Train")
    (folder / "test").rename(folder / "TEST")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(f"folder:{folder}")
    assert names(data.train) == names(expected.train)
    assert names(data.test) == names(expected.test)
    (folder / "Train").rename(folder / "Training")
    with pytest.raises(ValueError, match="must have a folder `train` beside `TEST`"):
        load(f"folder:{folder}")


def test_two_folders_of_one_split_are_refused(folder):
    (folder / "val").mkdir()
    (folder / "validation").mkdir()
    with pytest.raises(ValueError, match="one folder of .* Received: val, validation"):
        load(f"folder:{folder}")


def test_a_class_of_other_endings_alone_says_so(folder):
    for path in (folder / "train" / "cat").iterdir():
        path.rename(path.with_suffix(".heic"))
    with pytest.raises(ValueError, match="Received none, but 2 other entries"):
        load(f"folder:{folder}")


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
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load(f"folder:{folder}")
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
