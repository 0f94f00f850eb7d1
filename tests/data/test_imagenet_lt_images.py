"""A small ImageNet-LT with images, in files and in TensorFlow Datasets."""

import os

import keras
import numpy as np
import pytest
from imagenet_lists import write_lists
from PIL import Image

from keras_spa.data.load import load
from keras_spa.data.pipeline import pipeline
from keras_spa.data.sources import imagenet_lt
from keras_spa.data.sources import tfds as tfds_source


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


def test_lists_may_begin_with_a_byte_order_mark(small):
    """As Windows' editors write it."""
    for i, path in enumerate(["n1/n1_4", "n1/n1_2", "n1/n1_7", "n2/n2_5"]):
        jpeg(small / "train" / f"{path}.JPEG", 20 * i)
    for i in (1, 2):
        jpeg(small / "val" / f"v_{i}.JPEG", 100 * i)
    expected = load("imagenet_lt", data_dir=small)
    for path in small.glob("*.txt"):
        path.write_text(path.read_text(), encoding="utf-8-sig")
    data = load("imagenet_lt", data_dir=small)
    for split, other in zip(
        data.splits().values(), expected.splits().values(), strict=True
    ):
        assert split.images.paths.tolist() == other.images.paths.tolist()


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
