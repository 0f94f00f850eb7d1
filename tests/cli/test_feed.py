"""Images come in the shape that the network takes, or it is said why they cannot."""

import pathlib
import tracemalloc

import numpy as np
import pytest
import small_zoo
from PIL import Image

import keras_spa as spa
from keras_spa.cli.feed import common_shape, feed


def files(path, *sizes):
    """Data of two classes, of files of these sizes (height, width)."""
    for i, (height, width) in enumerate(sizes * 2):
        folder = path / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (i, 0, 0)).save(folder / f"{i}.png")
    return spa.data.load(f"folder:{path}")


@pytest.mark.parametrize(
    ("sizes", "image_size", "shape", "from_files"),
    [
        ([(8, 8)], None, (8, 8, 3), False),
        ([(8, 8)], 8, (8, 8, 3), False),
        ([(8, 8)], 16, (16, 16, 3), True),
        ([(64, 64)], None, (64, 64, 3), False),
        ([(65, 65)], None, (224, 224, 3), True),
        ([(8, 8), (8, 9)], None, (224, 224, 3), True),
        ([(8, 12)], None, (224, 224, 3), True),
    ],
)
def test_the_size_of_files(tmp_path, sizes, image_size, shape, from_files):
    fed = feed(files(tmp_path / "d", *sizes), 2, image_size)
    assert (fed.shape, fed.from_files) == (shape, from_files)


def test_small_files_are_read_as_they_are(tmp_path):
    data = files(tmp_path / "d", (8, 8))
    images, labels = feed(data, 2).batches(data.train)
    assert isinstance(images, spa.data.ImageFiles)
    fed = feed(data, 2)
    images, labels = fed.batches(fed.data.train)
    assert images[:, 0, 0, 0].tolist() == [0, 1]
    assert labels.tolist() == [0, 1]


def test_one_file_of_another_size_among_many(tmp_path):
    data = files(tmp_path / "d", *[(8, 8)] * 200)
    Image.new("RGB", (9, 8)).save(data.train.images.paths[103])
    assert common_shape(data.train.images) == (8, 8, 3)  # the sample misses it
    assert feed(data, 2).shape == (224, 224, 3)


def archive(channels):
    path = pathlib.Path("some.npz")
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (4, 8, 8, channels)).astype("uint8")
    np.savez(path, x_train=images, y_train=np.arange(4) % 2)
    return spa.data.load(f"npz:{path}")


def test_arrays_fit_a_model_or_do_not():
    grey, rgb = archive(1), archive(3)
    assert feed(grey, 2).shape == (8, 8, 1)
    fed = feed(grey, 2, shape=(8, 8, 3))
    np.testing.assert_array_equal(fed.data.train.images[..., 2:], grey.train.images)
    assert feed(rgb, 2, shape=(None, None, 3)).shape == (8, 8, 3)
    for data, shape, told in (
        (rgb, (9, 9, 3), "takes images of 9×9 pixels, DATA have 8×8"),
        (rgb, (8, 8, 1), "takes 1 channels, the images have 3"),
        (rgb, (8, 12, 3), "takes images of 8×12 pixels, DATA have 8×8"),
    ):
        with pytest.raises(ValueError, match=told):
            feed(data, 2, shape=shape)
    with pytest.raises(ValueError, match="--image_size is for image files"):
        feed(rgb, 2, image_size=16)


def test_arrays_of_any_shape_are_compared_with_the_model_s():
    random = np.random.RandomState(0)
    for shape in ((6, 9, 3), (6, 9, 2), (8, 8, 4)):
        images = random.randint(0, 256, (4, *shape)).astype("uint8")
        np.savez("wide.npz", x_train=images, y_train=np.arange(4) % 2)
        data = spa.data.load("npz:wide.npz")
        for wanted in (shape, (None, None, shape[2]), (*shape[:2], None)):
            fed = feed(data, 2, shape=wanted)
            np.testing.assert_array_equal(fed.batches(fed.data.train)[0], images)


def test_files_are_for_square_models_of_grey_or_colour(tmp_path):
    data = files(tmp_path / "d", (8, 9))
    for shape in ((6, 9, 3), (8, 8, 4), (8, 8, 2)):
        with pytest.raises(ValueError, match="1 or 3 channels where DATA are image fi"):
            feed(data, 2, shape=shape)


@pytest.mark.parametrize("size", [(8, 8), (8, 9)])
def test_a_grey_model_sees_the_luminance_of_files(tmp_path, size):
    data = files(tmp_path / "d", size)
    for i, path in enumerate(data.train.images.paths):
        colour = np.random.RandomState(i).randint(0, 256, 3).tolist()
        Image.new("RGB", size[::-1], tuple(colour)).save(path)
    fed = feed(data, 4, shape=(8, 8, 1))
    assert fed.shape == (8, 8, 1)
    batches = fed.batches(fed.data.train)
    images = next(iter(batches))[0] if fed.from_files else batches[0]
    assert images.shape == (len(data.train.labels), 8, 8, 1)
    for image, path in zip(images, data.train.images.paths, strict=True):
        with Image.open(path) as file:
            assert (np.asarray(image) == file.convert("L").getpixel((0, 0))).all()


def test_becoming_grey_takes_little_memory(tmp_path):
    path = tmp_path / "one.png"
    Image.new("RGB", (32, 32), (40, 80, 120)).save(path)
    labels = np.arange(4000) % 2
    split = spa.data.Split(spa.data.ImageFiles([path] * 4000), labels)
    data = spa.data.LongTailedData("many", split, None, None, ("a", "b"))
    tracemalloc.start()
    fed = feed(data, 4, shape=(32, 32, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 4000 * 32 * 32 * 3
    with Image.open(path) as file:
        assert {*np.unique(fed.data.train.images)} == {
            file.convert("L").getpixel((0, 0))
        }


def test_the_card_says_the_channels_that_a_model_leaves_open(tmp_path):
    """Before, a grey model got colours, and a colour model one channel."""
    data = files(tmp_path / "d", (8, 8))
    for said, shape in (([8, 8, 1], (8, 8, 1)), ([8, 8, 3], (8, 8, 3))):
        card = spa.ModelCard(["a", "b"], preprocessing={"input_shape": said})
        for given in (data, archive(shape[2]), archive(1)):
            fed = feed(given, 2, shape=(None, None, None), card=card)
            assert fed.shape == shape
    card = spa.ModelCard(["a", "b"], preprocessing={"input_shape": [9, 9, 3]})
    fed = feed(archive(3), 2, shape=(None, None, 3), card=card)
    assert fed.shape == (8, 8, 3)  # which the model takes


def test_the_card_says_the_side_that_a_model_leaves_open(tmp_path, capsys):
    data = files(tmp_path / "d", (70, 70))
    for said, side in (([96, 96, 3], 96), ([96, 96], 224), ([None, None, 3], 224)):
        card = spa.ModelCard(["a", "b"], preprocessing={"input_shape": said})
        fed = feed(data, 2, shape=(None, None, 3), card=card)
        assert fed.shape == (side, side, 3)
        assert feed(data, 2, shape=(32, 32, 3), card=card).shape == (32, 32, 3)
    assert capsys.readouterr().err == ""


def test_pixels_in_the_range_of_a_model(tmp_path):
    for data in (archive(3), files(tmp_path / "d", (8, 9))):
        for pixels, low, high in (("0..1", 0, 1), ("-1..1", -1, 1)):
            fed, plain = feed(data, 4, 8, pixels=pixels), feed(data, 4, 8)
            both = [one.batches(one.data.train) for one in (fed, plain)]
            if fed.from_files:
                both = [next(iter(batches)) for batches in both]
            (x, _), (y, _) = both
            expected = np.asarray(y) / 255 * (high - low) + low
            np.testing.assert_allclose(np.asarray(x), expected, atol=1e-6)


def test_the_zoo_is_a_zoo(tmp_path):
    data = spa.data.load(f"csv:{small_zoo.table(tmp_path / 'zoo.csv')}")
    assert {*data.class_names} == {*small_zoo.NAMES}
