import keras
import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from keras_spa.data import ImageNetTrain, epoch_order, pipeline
from keras_spa.data.image_files import ImageFiles

LABELS = np.arange(12) % 4


def picture(number, height, width):
    """A smooth picture with a level of its own, so that files can be told apart."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = 40 * rows / height + 20 * columns / width
    return np.stack([ramp + 15 * number] * 3, axis=-1).astype("uint8")


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(12):
        height, width = 40 + 3 * number, 60 - 2 * number
        kind = "png" if number % 3 == 2 else "jpg"
        image = PIL.Image.fromarray(picture(number, height, width))
        path = tmp_path / f"{number:02}.{kind}"
        image.save(path, **({"quality": 98} if kind == "jpg" else {}))
        paths.append(str(path))
    return ImageFiles(paths)


def levels(batches):
    means = [images.mean((1, 2, 3)) for images, _ in batches.as_numpy_iterator()]
    return np.concatenate(means)


def test_evaluation_resizes_the_central_square(files):
    (images, labels), *rest = pipeline(
        (files, LABELS), 12, training=False, image_size=16
    )
    assert not rest
    assert images.dtype == tf.uint8
    np.testing.assert_array_equal(labels, LABELS)
    for number in range(12):
        image = whole(files, number)
        height, width, _ = image.shape
        side = round(0.875 * min(height, width))
        top, left = (height - side) // 2, (width - side) // 2
        square = image[top : top + side, left : left + side].astype("float32")
        expected = tf.image.resize(square, (16, 16)).numpy()
        np.testing.assert_allclose(images[number], expected, atol=3)


def whole(files, number):
    with PIL.Image.open(files.paths[number]) as file:
        return np.asarray(file.convert("RGB"))


def test_training_crops_are_those_of_the_layer(files):
    """Image i of an epoch is the layer's with the seed (seed of the epoch, i)."""
    seed = np.random.RandomState([0, 0, 1]).randint(2**31)
    ((images, _),) = pipeline((files, LABELS), 12, image_size=16).as_numpy_iterator()
    for i, number in enumerate(epoch_order(LABELS, 0)):
        layer = ImageNetTrain(16)
        expected = layer.augment(whole(files, number)[None], (seed, i))
        difference = images[i] - keras.ops.convert_to_numpy(expected)[0].astype(int)
        assert np.abs(difference).max() <= 2  # colours at the edge of a JPEG's part


def test_crops_of_many_files_come_in_order(files):
    """More files than are drawn together, the last of them in a smaller chunk."""
    rows = np.arange(75) % 12
    data = files[rows], np.zeros(75, "int32")
    ((images, _),) = pipeline(data, 75, training=False, image_size=8)
    ((twelve, _),) = pipeline((files, LABELS), 12, training=False, image_size=8)
    np.testing.assert_array_equal(images, twelve.numpy()[rows])


@pytest.mark.slow
def test_training_crops_differ_by_image_epoch_and_seed_and_come_again(files):
    def first(**arguments):
        batches = pipeline((files, LABELS), 12, image_size=16, **arguments)
        (images, labels), *_ = batches.as_numpy_iterator()
        return images[
            np.argsort(
                epoch_order(
                    LABELS, arguments.get("first_epoch", 0), arguments.get("seed", 0)
                )
            )
        ]

    expected = first()
    np.testing.assert_array_equal(first(), expected)
    for other in (first(seed=1), first(first_epoch=1)):
        assert np.mean(np.any(other != expected, axis=(1, 2, 3))) > 0.9


def test_training_crops_have_the_areas_asked_for(files):
    """On a ramp the spread of a crop tells its height: 8 % to 100 % of the area."""
    files = files[np.zeros(400, int)]
    labels = np.zeros(400, "int32")
    ((images, _),) = pipeline((files, labels), 400, image_size=16).as_numpy_iterator()
    spread = np.ptp(images[:, :, 8, 0].astype(int), axis=1) / 40
    assert spread.min() < 0.4
    assert spread.max() > 0.8
    falls = images[:, 8, 0, 0].astype(int) > images[:, 8, -1, 0]
    assert 0.4 < falls.mean() < 0.6  # half of them are flipped


def test_order_of_files_is_epoch_order(files):
    numbers = np.array([picture(i, 8, 8).mean() for i in range(12)])
    seen = levels(pipeline((files, LABELS), 5, image_size=16))
    expected = numbers[epoch_order(LABELS, 0)]
    assert np.abs(seen - expected).max() < 30
    assert np.corrcoef(seen, expected)[0, 1] > 0.95


OTHER_DAMAGE = [pytest.param(n, marks=pytest.mark.slow) for n in ("garbage", "header")]


@pytest.fixture(params=["truncated", "png", *OTHER_DAMAGE])
def damaged(files, request):
    path = files.paths[2 if request.param == "png" else 4]
    with open(path, "rb") as file:
        contents = file.read()
    contents = {
        "truncated": contents[:-30],
        "garbage": b"no image at all",
        "header": contents[:2] + bytes(100) + contents[102:],
        "png": contents[:-40] + bytes(10) + contents[-30:],
    }[request.param]
    with open(path, "wb") as file:
        file.write(contents)
    return path


def test_damaged_file_is_named(files, damaged):
    batches = pipeline((files, LABELS), 4, image_size=16)
    with pytest.raises(tf.errors.OpError, match=damaged):
        list(batches)


def test_damaged_file_is_skipped_and_counted(files, damaged):
    batches = pipeline((files, LABELS), 4, image_size=16, on_error="skip")
    with pytest.warns(UserWarning, match=f"{damaged}.*1 such files so far"):
        labels = np.concatenate([labels for _, labels in batches])
    assert len(labels) == 11


def test_missing_file_is_named(files):
    missing = ImageFiles([*files.paths[:11], "nowhere.jpg"])
    with pytest.raises(tf.errors.OpError, match="nowhere.jpg is missing"):
        list(pipeline((missing, LABELS), 4, image_size=16))


def test_grey_and_cmyk_files_become_rgb(tmp_path):
    paths = []
    for mode in ("L", "CMYK"):
        path = str(tmp_path / f"{mode}.jpg")
        PIL.Image.fromarray(picture(5, 30, 30)).convert(mode).save(path, quality=98)
        paths.append(path)
    data = ImageFiles(paths), np.array([0, 1])
    ((images, _),) = pipeline(data, 2, training=False, image_size=8)
    np.testing.assert_allclose(images[0], images[1], atol=6)


def test_fit_from_files(files):
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    batches = pipeline((files, LABELS), 4, image_size=16, augment=lambda x: x / 255)
    assert np.isfinite(model.fit(batches, verbose=0).history["loss"][0])
