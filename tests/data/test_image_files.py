import pathlib
import pickle

import numpy as np
import pytest
from PIL import Image

from keras_spa.data.image_files import ImageFiles


def write(path, image, **options):
    Image.fromarray(image).save(path, **options)
    return path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype="uint8")


@pytest.fixture
def files(tmp_path, images):
    return ImageFiles(
        [write(tmp_path / f"{i}.png", image) for i, image in enumerate(images)]
    )


def test_an_integer_reads_an_image(files, images):
    for index in (0, 4, -1, np.int64(2), np.array(3)):
        image = files[index]
        assert image.dtype == np.uint8
        np.testing.assert_array_equal(image, images[index])
    np.testing.assert_array_equal(np.stack(list(files)), images)
    with pytest.raises(IndexError):
        files[5]


@pytest.mark.parametrize(
    "index",
    [
        slice(1, 4),
        slice(None, None, -2),
        [3, 1, 1],
        np.array([4, 0]),
        [],
        np.eye(5)[2] > 0,
    ],
)
def test_other_indices_read_nothing(files, index):
    chosen = files[np.array(index, int) if isinstance(index, list) else index]
    kept = np.arange(5)[np.array(index, int) if isinstance(index, list) else index]
    assert isinstance(chosen, ImageFiles)
    assert [pathlib.Path(path).stem for path in chosen.paths] == [str(i) for i in kept]


def test_paths_are_strings_and_not_objects(tmp_path):
    files = ImageFiles(["a.png", tmp_path / "b.png"])
    assert files.paths.dtype.kind == "U"
    assert files.paths.tolist() == ["a.png", str(tmp_path / "b.png")]
    assert len(ImageFiles([])) == 0
    assert repr(files) == "<ImageFiles: 2 files, first 'a.png'>"
    assert repr(ImageFiles([])) == "<ImageFiles: 0 files>"
    assert pickle.loads(pickle.dumps(files)).paths.tolist() == files.paths.tolist()


@pytest.mark.parametrize(
    "paths", ["a.png", 3, None, [1, 2], [["a"]], np.array([["a"]])]
)
def test_other_paths_are_refused(paths):
    with pytest.raises(ValueError, match="Argument `paths` must be .*Received"):
        ImageFiles(paths)


@pytest.mark.parametrize(
    ("mode", "ending"), [("L", "png"), ("P", "gif"), ("CMYK", "jpg")]
)
def test_other_modes_come_as_rgb(tmp_path, mode, ending):
    path = tmp_path / f"image.{ending}"
    Image.new("RGB", (5, 3), (200, 200, 200)).convert(mode).save(path)
    image = ImageFiles([path])[0]
    assert image.shape == (3, 5, 3)
    np.testing.assert_allclose(image, 200, atol=4)


def jpeg(path):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype="uint8")
    return write(path, noise, quality=90)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.9, 0.98])
def test_a_cut_file_is_named_on_reading_and_on_checking(tmp_path, share):
    whole, damaged = jpeg(tmp_path / "whole.jpg"), jpeg(tmp_path / "cut.jpg")
    cut(damaged, share)
    files = ImageFiles([whole, damaged, whole])
    with pytest.raises(ValueError, match="Cannot read the image .*cut.jpg"):
        files[1]
    with pytest.raises(ValueError, match="Cannot read the image .*cut.jpg"):
        files.check(verbose=False)
    assert files.check("skip", verbose=False).tolist() == [True, False, True]
    assert files[[0, 2]].check(verbose=False).tolist() == [True, True]


@pytest.mark.filterwarnings("ignore:Image size")  # a damaged header may claim any
def test_damage_of_any_kind_is_a_value_error(tmp_path):
    """Bytes overwritten here and there: an image of some content, or a ValueError."""
    random = np.random.default_rng(2)
    messages = []
    for ending in ("png", "gif", "bmp"):
        good = write(
            tmp_path / f"a.{ending}", np.zeros((8, 8, 3), "uint8")
        ).read_bytes()
        path = tmp_path / f"b.{ending}"
        for _ in range(150):
            data = np.frombuffer(good, "uint8").copy()
            data[random.integers(0, len(data), 4)] = random.integers(0, 256, 4)
            path.write_bytes(data[: random.integers(1, len(data) + 1)].tobytes())
            try:
                ImageFiles([path])[0]
            except ValueError as error:
                messages.append(str(error))
    assert len(messages) > 100
    assert all("Cannot read the image" in message for message in messages)


def test_a_missing_file_is_named(tmp_path):
    files = ImageFiles([tmp_path / "nowhere.png"])
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        files[0]
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        files.check(verbose=False)
    assert files.check("skip", verbose=False).tolist() == [False]


def test_check_shows_its_progress_and_names_its_argument(files, capsys):
    assert files.check().all()
    assert "5/5" in capsys.readouterr().out
    with pytest.raises(ValueError, match="Argument `on_error` must .*'ignore'"):
        files.check("ignore")
