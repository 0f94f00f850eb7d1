"""ImageNet-LT from lists and files of the true number, and of no content."""

import os

import keras
import numpy as np
import pytest
from PIL import Image

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load
from keras_spa.data.pipeline import pipeline
from keras_spa.data.sources import imagenet_lt
from keras_spa.data.sources import tfds as tfds_source

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


def write_lists(folder, **lists):
    for name, lines in lists.items():
        (folder / f"ImageNet_LT_{name}.txt").write_text("\n".join(lines) + "\n")


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
            {"train": changed(TRAIN, 0, f"train/{FOLDERS[0]}/lost.JPEG 0")},
            "1 of 117846 that are not: train/n.*/lost.JPEG",
        ),
        (
            {"test": changed(TEST, 7, "elsewhere/x.JPEG 7")},
            "1 of 117846 that are not: elsewhere/x.JPEG",
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
def test_lists_that_were_changed_are_told(imagenet, tmp_path, lists, message):
    write_lists(
        tmp_path, **{"train": TRAIN, "test": TEST, "val": held_out_lines(), **lists}
    )
    with pytest.raises(ValueError, match=message):
        load("imagenet_lt", data_dir=imagenet, lists=tmp_path)


def test_bad_arguments_are_told(imagenet, tmp_path):
    with pytest.raises(ValueError, match="Argument `data_dir` must name"):
        load("imagenet_lt")
    with pytest.raises(ValueError, match="`imbalance_factor` must be None.*factor=100"):
        load("imagenet_lt", 100, data_dir=imagenet)
    with pytest.raises(
        ValueError, match="`validation_per_class` must be 0 .*1000 images"
    ):
        load("imagenet_lt", data_dir=imagenet, validation_per_class=1)
    with pytest.raises(FileNotFoundError, match="There is no list .*LT_train.txt"):
        load("imagenet_lt", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="tfds build imagenet2012 --data_dir="):
        load("imagenet_lt", data_dir=tmp_path, lists=imagenet)


# ---------------------------------------------- a small one, and TensorFlow Datasets


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Lists of 2 classes: 3 + 1 training images, 2 for test."""
    monkeypatch.setattr(imagenet_lt, "COUNTS", [3, 1])
    train = [f"train/n1/n1_{i}.JPEG 0" for i in (4, 2, 7)] + ["train/n2/n2_5.JPEG 1"]
    write_lists(tmp_path, train=train, test=["val/v_1.JPEG 1", "val/v_2.JPEG 0"])
    return tmp_path


def jpeg(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 16), (shade, shade, shade)).save(path, "JPEG")


def test_a_network_trains_and_is_tested_on_the_files(small):
    for line in ("n1/n1_4", "n1/n1_2", "n1/n1_7", "n2/n2_5"):
        jpeg(small / "train" / f"{line}.JPEG", 100)
    for i in (1, 2):
        jpeg(small / "val" / f"v_{i}.JPEG", 100 * i)
    data = load("imagenet_lt", data_dir=small)
    train = pipeline(data.train, 2, image_size=16, sampling="class_balanced")
    test = pipeline(data.test, 2, image_size=16, training=False)
    inputs = keras.Input((16, 16, 3), dtype="uint8")
    features = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(features))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_weights()[0]
    model.fit(train, verbose=0)
    assert np.any(model.get_weights()[0] != before)
    assert np.isfinite(model.evaluate(test, verbose=0))


def test_images_are_read_and_damaged_ones_left_out(small):
    for i, path in enumerate(["n1/n1_4", "n1/n1_2", "n1/n1_7", "n2/n2_5"]):
        jpeg(small / "train" / f"{path}.JPEG", 20 * i)
    for i in (1, 2):
        jpeg(small / "val" / f"v_{i}.JPEG", 100 * i)
    data = load("imagenet_lt", data_dir=small, verify=True)
    assert [int(image.mean()) for image in data.train.images] == [0, 20, 40, 60]
    assert [int(image.mean()) for image in data.test.images] == [100, 200]
    (small / "train" / "n1" / "n1_2.JPEG").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="n1_2.JPEG"):
        load("imagenet_lt", data_dir=small, verify=True)
    with pytest.warns(UserWarning, match="Left out 1 of 6 .*n1_2.JPEG"):
        data = load("imagenet_lt", data_dir=small, on_error="skip")
    assert data.class_counts.tolist() == [2, 1]
    assert data.skipped == (f"{small}/train/n1/n1_2.JPEG",)


def prepare(folder, names):
    """Writes a small `imagenet2012` as TensorFlow Datasets does."""
    tfds = tfds_source.import_tfds()

    class Imagenet2012(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("5.1.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(encoding_format="jpeg"),
                "label": tfds.features.ClassLabel(num_classes=2),
                "file_name": tfds.features.Text(),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in names}

        def _generate_examples(self, split):
            for name in names[split]:
                image = str(folder / "source" / name)
                yield name, {"image": image, "label": 0, "file_name": name}

    Imagenet2012(data_dir=folder).download_and_prepare()


NAMES = {
    "train": ["n1_2.JPEG", "n1_3.JPEG", "n1_4.JPEG", "n1_7.JPEG", "n2_5.JPEG"],
    "validation": ["v_1.JPEG", "v_2.JPEG", "v_3.JPEG"],
}


@pytest.fixture
def sources(small):
    for shade, name in enumerate(sum(NAMES.values(), [])):
        jpeg(small / "source" / name, 20 * shade)
    return small / "source"


def tree(folder):
    """What there is beside the lists and TensorFlow Datasets' own folder."""
    names = (path.name for path in folder.iterdir() if path.suffix != ".txt")
    return sorted(name for name in names if name != "downloads")


def test_listed_images_are_extracted_once_and_undecoded(small, sources, monkeypatch):
    prepare(small, NAMES)
    data = load("imagenet_lt", data_dir=small)
    root = small / "imagenet_lt_images"
    assert data.train.images.paths.tolist() == [
        *(f"{root}/train/n1/n1_{i}.JPEG" for i in (4, 2, 7)),
        f"{root}/train/n2/n2_5.JPEG",
    ]
    for split in (data.train, data.test):
        for path in split.images.paths.tolist():
            with open(path, "rb") as file:
                source = (sources / os.path.basename(path)).read_bytes()
                assert file.read() == source
    assert len([path for path in root.rglob("*") if path.is_file()]) == 6
    assert tree(small) == ["imagenet2012", "imagenet_lt_images", "source"]
    monkeypatch.setattr(imagenet_lt, "_extract", None)
    again = load("imagenet_lt", data_dir=small)
    assert again.train.images.paths.tolist() == data.train.images.paths.tolist()


def test_an_extraction_that_fails_leaves_nothing_behind(small, sources, monkeypatch):
    prepare(small, {"train": NAMES["train"][:-1], "validation": NAMES["validation"]})
    message = r"must be in imagenet2012 \(7 images\). Received 1 of 6 .*train/n2/n2_5"
    with pytest.raises(ValueError, match=message):
        load("imagenet_lt", data_dir=small)
    assert tree(small) == ["imagenet2012", "source"]

    def no_space(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(imagenet_lt.pathlib.Path, "write_bytes", no_space)
    with pytest.raises(OSError, match="No space left"):
        load("imagenet_lt", data_dir=small)
    assert tree(small) == ["imagenet2012", "source"]
