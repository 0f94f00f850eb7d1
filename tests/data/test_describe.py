import errno
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_spa import files, plots
from keras_spa.data.describe import describe
from keras_spa.data.image_files import ImageFiles
from keras_spa.data.long_tail import long_tail_counts
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.sources import imagenet_lt


def labels_of(counts):
    return np.repeat(np.arange(len(counts)), counts)


def lines_of(text):
    return [[line.split() for line in part.splitlines()] for part in text.split("\n\n")]


@pytest.fixture
def data():
    """3 classes, of which the second is the most frequent."""
    labels = labels_of([3, 9, 1])
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (13, 8, 8, 3), dtype="uint8")
    return LongTailedData(
        "zoo",
        Split(images, labels),
        Split(images[:6], labels_of([2, 2, 2])),
        Split(images[:3], np.array([0, 1, 1])),
        ("ant", "bee", "$ca_{$"),
        "unused",
        ("lost.png",),
    )


def test_all_numbers_are_told(data):
    assert describe(data, many=5, few=2).splitlines() == [
        "zoo: 13 training images of 3 classes",
        "imbalance factor 9: from 9 images (bee) to 1 ($ca_{$)",
        "validation: 6 images, 2 a class (unused)",
        "test: 3 images, 0 to 2 a class",
        "left out as damaged: 1 image",
        "",
        "many    > 5             1 class          9 images   69%",
        "medium  2..5            1 class          3 images   23%",
        "few     < 2             1 class           1 image    8%",
        "",
        "bee     9  ████████████████████████████████████████",
        "ant     3  █████████████▍",
        "$ca_{$  1  ████▌",
    ]


@pytest.mark.parametrize(
    ("counts", "shots"),
    [
        (long_tail_counts(100, 500, 100), [(35, 8824), (35, 1718), (30, 305)]),
        (imagenet_lt.COUNTS, [(385, 88693), (479, 25510), (136, 1643)]),
    ],
)
def test_shots_of_the_published_data_sets(counts, shots):
    summary, groups, bars = lines_of(describe(labels_of(counts)))
    told = [(int(line[-5]), int(line[-3].replace(",", ""))) for line in groups]
    assert told == shots
    assert len(bars) == 20
    means = [float(line[2]) for line in bars]
    assert means == sorted(means, reverse=True)
    each = len(counts) // 20
    assert bars[0][:2] == ["rank", f"1..{each}"]
    top = np.sort(counts)[::-1][:each].mean()
    assert means[0] == pytest.approx(top, abs=0.06)


def test_labels_alone_with_names():
    text = describe([0, 0, 1], class_names=["ant", "bee" * 20])
    assert text.splitlines()[-2:] == [
        "ant                   2  ████████████████████████████████████████",
        "beebeebeebeebeebeebe  1  ████████████████████",
    ]


def test_the_faintest_bar_is_seen():
    bar = describe(labels_of([100_000, 1])).splitlines()[-1]
    assert bar == "class 1        1  ▏"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": [0.0, 1.0]}, "Argument `data` must .*float64"),
        ({"data": [[0, 1]]}, r"Argument `data` must .*shape \(1, 2\)"),
        ({"data": np.zeros(0, int)}, r"Argument `data` must .*shape \(0,\)"),
        ({"data": [0, 2]}, "Argument `data` must .*without a gap.*2 .* from 0 to 2"),
        ({"data": [-1, 0]}, "Argument `data` must .*without a gap.*from -1 to 0"),
        ({"data": [0, 1], "class_names": ["a", "b", "c"]}, "none for 1 of 3 classes"),
        ({"data": [0, 1], "class_names": ["a"]}, r"must lie in 0\.\.0|at least 2"),
        ({"data": [0, 1], "few": 30, "many": 20}, "`few` must be at most `many`"),
        ({"data": [0, 1], "path": "tail.jpg"}, "Argument `path` must end in .png or"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        describe(**arguments)


def test_names_of_data_are_its_own(data):
    with pytest.raises(ValueError, match="Argument `class_names` must be None"):
        describe(data, class_names=["a", "b", "c"])


# --------------------------------------------------------------------- pictures


def shows(path, color):
    """Whether a picture has pixels of this colour."""
    wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    return bool(np.any(np.abs(pixels - wanted).max(-1) < 3))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("classes", [3, 40, 200])
def test_the_picture_shows_the_groups_that_there_are(tmp_path, classes, log):
    path = tmp_path / "tail.png"
    labels = labels_of(long_tail_counts(classes, 90, 30))
    text = describe(labels, path, log=log)
    assert text == describe(labels)
    colors = {name: shows(path, color) for name, color in plots.SHOT_COLORS.items()}
    assert colors == {"many": False, "medium": True, "few": True}
    assert [file.name for file in tmp_path.iterdir()] == ["tail.png"]


def test_a_logarithmic_axis_is_another_picture(tmp_path, data):
    describe(data, tmp_path / "a.png")
    describe(data, tmp_path / "b.png", log=True)
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def plain(color, count, channels=3):
    image = np.broadcast_to(np.array(color, "uint8"), (8, 10, channels))
    return np.stack([image] * count)


def test_the_picture_shows_images_of_head_middle_and_tail(tmp_path):
    counts, colors = (
        [5, 4, 3, 2, 1],
        ["#ff0000", "#00ff00", "#0000ff", "#00ffff", "#ff00ff"],
    )
    images = [
        plain([int(color[i : i + 2], 16) for i in (1, 3, 5)], count)
        for color, count in zip(colors, counts, strict=True)
    ]
    split = Split(np.concatenate(images), labels_of(counts))
    data = LongTailedData("plain", split, None, None, tuple("abcde"))
    describe(data, tmp_path / "tail.png")
    shown = [shows(tmp_path / "tail.png", color) for color in colors]
    assert shown == [True, False, True, False, True]


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_are_shown(tmp_path, channels):
    images = np.concatenate([plain([16] * channels, 2, channels)] * 2)
    split = Split(images, np.array([0, 0, 1, 1]))
    data = LongTailedData("plain", split, None, None, ("a", "b"))
    describe(data, tmp_path / "tail.png")
    assert shows(tmp_path / "tail.png", "#f0f0f0" if channels == 1 else "#101010")


def test_images_in_files_are_shown_and_a_damaged_one_is_told(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        Image.new("RGB", (300, 200), (255, 0, 255)).save(path)
    split = Split(ImageFiles(paths), np.array([0, 0, 1]))
    data = LongTailedData("files", split, None, None, ("a", "b"))
    describe(data, tmp_path / "tail.png")
    assert shows(tmp_path / "tail.png", "#ff00ff")
    (tmp_path / "tail.png").unlink()
    paths[2].write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="2.png"):
        describe(data, tmp_path / "tail.png")
    assert not (tmp_path / "tail.png").exists()


def test_a_vector_picture_is_the_same_each_time(tmp_path, data):
    for name in ("a.svg", "b.svg"):
        describe(data, tmp_path / name)
    text = (tmp_path / "a.svg").read_text()
    assert text.startswith("<?xml")
    assert text == (tmp_path / "b.svg").read_text()


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, data, monkeypatch):
    path = tmp_path / "tail.png"
    path.write_text("an older picture")

    def no_space(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "replace", no_space)
    with pytest.raises(OSError, match="No space left .*tail.png"):
        describe(data, path)
    assert path.read_text() == "an older picture"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        describe(data, tmp_path / "nowhere" / "tail.png")


def test_the_counts_of_imagenet_lt_are_the_facts():
    path = pathlib.Path(imagenet_lt.__file__).with_name("imagenet_lt_counts.json")
    counts = json.loads(path.read_text())
    assert (len(counts), sum(counts), max(counts), min(counts)) == (
        1000,
        115846,
        1280,
        5,
    )
