"""ImageNet-LT from lists and files of the true number, and of no content.

What looks for the files is slow: they are 117,846. A few: test_imagenet_lt_images.py.
"""

import os

import numpy as np
import pytest
from imagenet_lists import write_lists

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load
from keras_spa.data.sources import imagenet_lt

COUNTS = np.array(imagenet_lt.COUNTS)
FOLDERS = [f"n{c:08d}" for c in np.random.default_rng(0).permutation(1000)]


def train_lines():
    return [
        f"train/{FOLDERS[c]}/{FOLDERS[c]}_{i}.JPEG {c}"
        for c, count in enumerate(COUNTS)
        for i in range(count)
    ]


def held_out_lines():
    return [f"train/{name}/{name}_9999.JPEG {c}" for c, name in enumerate(FOLDERS)]


def evaluation_lines():
    return [f"val/ILSVRC2012_val_{c:08d}.JPEG {c}" for c in range(1000)]


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """All files of the lists, empty, and the lists."""
    folder = tmp_path_factory.mktemp("imagenet")
    lines = [*train_lines(), *held_out_lines(), *evaluation_lines()]
    (folder / "val").mkdir()
    for name in FOLDERS:
        os.makedirs(folder / "train" / name)
    at = os.open(folder, os.O_RDONLY)
    for line in lines:
        os.close(os.open(line.split()[0], os.O_CREAT, dir_fd=at))
    os.close(at)
    write_lists(
        folder, train=train_lines(), val=held_out_lines(), test=evaluation_lines()
    )
    return folder


@pytest.mark.slow
def test_the_true_lists_are_read(imagenet):
    data = load("imagenet_lt", data_dir=imagenet)
    assert data.class_counts.tolist() == COUNTS.tolist()
    assert len(data.train.images) == 115_846
    assert data.class_names == tuple(FOLDERS)
    assert data.validation_source == "official"
    assert isinstance(data.train.images, ImageFiles)
    assert data.train.labels.dtype == np.int32
    for split, lines in [
        (data.train, train_lines()),
        (data.validation, held_out_lines()),
        (data.test, evaluation_lines()),
    ]:
        expected = [f"{imagenet}/{line.split()[0]}" for line in lines]
        assert split.images.paths.tolist() == expected
        assert split.labels.tolist() == [int(line.split()[1]) for line in lines]


@pytest.mark.slow
def test_lists_may_stand_elsewhere_and_validation_may_be_absent(imagenet, tmp_path):
    write_lists(tmp_path, train=train_lines(), test=evaluation_lines())
    data = load("imagenet_lt", data_dir=imagenet, lists=tmp_path)
    assert (data.validation, data.validation_source) == (None, None)
    assert len(data.test.labels) == 1000
    held_out = load(
        "imagenet_lt", data_dir=imagenet, lists=tmp_path, validation_per_class=2
    )
    assert held_out.class_counts.tolist() == (COUNTS - 2).tolist()
    assert len(held_out.validation.labels) == 2000
    assert held_out.validation_source == "training"


@pytest.mark.slow
def test_the_test_images_may_lie_in_class_folders(imagenet, tmp_path):
    (tmp_path / "train").symlink_to(imagenet / "train")
    for i, line in enumerate(evaluation_lines()):
        folder = tmp_path / "val" / FOLDERS[i % 7]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / os.path.basename(line.split()[0])).touch()
    data = load("imagenet_lt", data_dir=tmp_path, lists=imagenet)
    assert data.test.images.paths[8] == f"{folder.parent}/{FOLDERS[1]}/" + (
        "ILSVRC2012_val_00000008.JPEG"
    )


def changed(lines, at, line):
    return [*lines[:at], *([line] if line else []), *lines[at + 1 :]]


TRAIN, TEST = train_lines(), evaluation_lines()


def told(data_dir, folder, lists, message):
    write_lists(
        folder, **{"train": TRAIN, "test": TEST, "val": held_out_lines(), **lists}
    )
    with pytest.raises(ValueError, match=message):
        load("imagenet_lt", data_dir=data_dir, lists=folder)


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"train": TRAIN[:-1]},
            "must hold 115846 images of 1000 classes, 1280 to 5 a class. Received "
            rf"115845 images; 1 classes differ: class 999: {COUNTS[-1] - 1} instead of",
        ),
        (
            {"train": changed(TRAIN, 0, TRAIN[0][:-1] + "1")},
            "115846 images; 2 classes differ: class 0: 49 instead of 50, class 1",
        ),
        ({"train": []}, "Received 0 images; 1000 classes differ"),
        ({"train": changed(TRAIN, 5, TRAIN[6])}, "1 of .* more than once: train/n"),
        (
            {"test": [*TEST[:-1], TRAIN[0][:-1] + "999"]},
            "1 of .* more than once: train/",
        ),
        (
            {"train": changed(TRAIN, 4, TRAIN[4][:-1] + "1000")},
            r"label in 0\.\.999. Received 1 other lines of 115846: line 5: 'train/n",
        ),
        ({"train": changed(TRAIN, 0, TRAIN[0][:-1] + "-1")}, "line 1: 'train/n.* -1'"),
        ({"train": changed(TRAIN, 0, "train/a/b.JPEG")}, "line 1: 'train/a/b.JPEG'"),
        ({"train": changed(TRAIN, 0, "/far/b.JPEG 0")}, "line 1: '/far/b.JPEG 0'"),
        ({"train": changed(TRAIN, 0, "train/../b.JPEG 0")}, r"line 1: 'train/\.\./b"),
        ({"train": changed(TRAIN, 0, "b.JPEG 0")}, "line 1: 'b.JPEG 0'"),
        (
            {"train": changed(TRAIN, 0, "train/new/b.JPEG 0")},
            "1000 classes, 1001 folders and 1001 pairs",
        ),
        (
            {"train": changed(TRAIN, 0, f"train/{FOLDERS[1]}/b.JPEG 0")},
            "1000 classes, 1000 folders and 1001 pairs",
        ),
        (
            {"test": TEST[:-1]},
            "The test list must .* Received 999 lines, from 0 to 1 a class",
        ),
        (
            {"val": [*held_out_lines(), TRAIN[0]]},
            "The validation list must .* Received 1001 lines, from 1 to 2 a class",
        ),
    ],
)
def test_lists_that_were_changed_are_told(tmp_path, lists, message):
    told(tmp_path, tmp_path, lists, message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            {"train": changed(TRAIN, 0, f"train/{FOLDERS[0]}/lost.JPEG 0")},
            "1 of 117846 that are not: train/n.*/lost.JPEG",
        ),
        (
            {"test": changed(TEST, 7, "elsewhere/x.JPEG 7")},
            "1 of 117846 that are not: elsewhere/x.JPEG",
        ),
    ],
)
def test_files_that_are_not_there_are_told(imagenet, tmp_path, lists, message):
    told(imagenet, tmp_path, lists, message)


@pytest.mark.slow
def test_where_validation_is_official_no_other_is_held_out(imagenet):
    message = "`validation_per_class` must be 0 .*1000 images"
    with pytest.raises(ValueError, match=message):
        load("imagenet_lt", data_dir=imagenet, validation_per_class=1)


def test_bad_arguments_are_told(tmp_path):
    with pytest.raises(ValueError, match="Argument `data_dir` must name"):
        load("imagenet_lt")
    with pytest.raises(ValueError, match="`imbalance_factor` must be None.*factor=100"):
        load("imagenet_lt", 100, data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no list .*LT_train.txt"):
        load("imagenet_lt", data_dir=tmp_path)
    write_lists(tmp_path, train=TRAIN, test=TEST)
    with pytest.raises(FileNotFoundError, match="tfds build imagenet2012 --data_dir="):
        load("imagenet_lt", data_dir=tmp_path)
