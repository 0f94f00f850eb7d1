import warnings

import numpy as np
import pytest
from image_folders import load_quietly, names, told

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load


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
    with pytest.raises(
        ValueError, match="must have a folder `train` beside `test`.* PATH/test is the"
    ):
        load(f"folder:{folder}")
    assert load(f"folder:{folder}/test").name == "test"


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
    data = load_quietly(folder)
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
