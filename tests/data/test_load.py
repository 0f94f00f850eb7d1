import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_spa.data.image_files import ImageFiles
from keras_spa.data.load import load
from keras_spa.data.long_tail import long_tail_counts, long_tail_indices
from keras_spa.data.long_tailed_data import LongTailedData, Split
from keras_spa.data.subset import Rule, draw


def numbered(count):
    """Images (N, 2, 2, 1) that say which they are."""
    images = np.zeros((count, 2, 2, 1), "uint8")
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(count), 256)
    return images


def numbers(images):
    return images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]


def archive(folder, labels, **changes):
    """`npz:PATH` of numbered images with these labels."""
    labels = np.asarray(labels)
    keys = {
        "x_train": numbered(len(labels)),
        "y_train": labels,
        "x_test": numbered(4),
        "y_test": np.array([0, 1, 0, 1]),
    }
    keys = {key: x for key, x in {**keys, **changes}.items() if x is not None}
    np.savez(folder / "some.npz", **keys)
    return f"npz:{folder / 'some.npz'}"


def balanced(num_classes, each):
    labels = np.repeat(np.arange(num_classes), each)
    return np.random.default_rng(1).permutation(labels)


# -------------------------------------------------------------------- archives


def test_all_of_an_archive_is_kept_as_it_stands(tmp_path):
    labels = balanced(3, 5)
    data = load(archive(tmp_path, labels, class_names=np.array(["a", "b", "c"])))
    assert (data.name, data.class_names, data.num_classes) == (
        "some",
        ("a", "b", "c"),
        3,
    )
    np.testing.assert_array_equal(numbers(data.train.images), np.arange(15))
    np.testing.assert_array_equal(data.train.labels, labels)
    assert data.train.labels.dtype == data.test.labels.dtype == np.int32
    assert data.train.images.dtype == data.test.images.dtype == np.uint8
    assert (data.validation, data.validation_source, data.skipped) == (None, None, ())
    assert data.test.labels.tolist() == [0, 1, 0, 1]
    assert data.class_counts.dtype == np.int64
    assert data.class_counts.tolist() == [5, 5, 5]


@pytest.mark.parametrize(("seed", "profile"), [(0, "exp"), (3, "exp"), (0, "step")])
def test_the_subset_is_the_communitys(tmp_path, seed, profile):
    labels = balanced(10, 60)
    data = load(archive(tmp_path, labels), 20, seed=seed, profile=profile)
    expected = long_tail_indices(labels, long_tail_counts(10, 60, 20, profile), seed)
    np.testing.assert_array_equal(numbers(data.train.images), expected)
    np.testing.assert_array_equal(data.train.labels, labels[expected])
    assert len(data.test.labels) == 4


@pytest.mark.parametrize(
    ("classes", "most", "totals"),
    [
        (10, 5000, {None: 13996, 50: 13996, 100: 12406, 200: 11203}),
        (100, 500, {None: 12608, 50: 12608, 100: 10847, 200: 9502}),
    ],
)
def test_a_long_tailed_archive_gives_the_rarer_subsets(tmp_path, classes, most, totals):
    """The archive holds the community's subset at IF 50, in its shuffled order."""
    pool = balanced(classes, most)
    drawn = long_tail_indices(pool, long_tail_counts(classes, most, 50))
    name = archive(tmp_path, pool[drawn], x_train=numbered(len(drawn)))
    for factor, total in totals.items():
        data = load(name, factor, order="file")
        assert len(data.train.images) == len(data.train.labels) == total
        if factor:
            expected = long_tail_indices(pool, long_tail_counts(classes, most, factor))
            kept = drawn[numbers(data.train.images)]
            np.testing.assert_array_equal(kept, expected)


def test_shapes_of_images_and_labels(tmp_path):
    column = np.array([[0], [1], [1]], "uint8")
    grey = np.zeros((3, 5, 4), "uint8")
    name = archive(tmp_path, column, x_train=grey, x_test=np.zeros((4, 5, 4), "uint8"))
    data = load(name)
    assert data.train.images.shape == (3, 5, 4, 1)
    assert data.train.labels.tolist() == [0, 1, 1]
    assert data.class_names == ("0", "1")


def test_a_relative_path_starts_from_data_dir(tmp_path):
    archive(tmp_path, [0, 1])
    assert load("npz:some.npz", data_dir=tmp_path).num_classes == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_test": None, "x_test": None}, "Missing: x_test, y_test. It has: x_train"),
        ({"x_train": np.zeros((3, 2, 2, 1))}, "`x_train` must .*uint8.*float64"),
        ({"x_train": np.zeros((3, 4), "uint8")}, r"`x_train` must .*\(3, 4\)"),
        ({"x_train": np.zeros((3, 3, 8, 8), "uint8")}, r"`x_train` .*\(3, 3, 8, 8\)"),
        ({"x_train": np.zeros((3, 0, 2, 1), "uint8")}, r"`x_train` .*\(3, 0, 2, 1\)"),
        ({"x_train": np.zeros((3, 2, 3, 1), "uint8")}, "of one shape"),
        ({"x_train": np.array([{}, 1, 2], object)}, "`x_train` .*pickle"),
        ({"y_train": np.array([0, None, 1], object)}, "`y_train` .*pickle"),
        ({"y_train": np.array([0.0, 1.0, 1.0])}, "`y_train` must .*integer.*float64"),
        ({"y_train": np.eye(3, dtype=int)}, r"`y_train` must .*\(3, 3\)"),
        ({"y_train": np.array([0, 1])}, "`train` must .*3 images, 2 labels"),
        ({"y_train": np.array([0, 2, 2])}, "without a gap.*2 classes, from 0 to 2"),
        ({"y_train": np.array([-1, 0, 1])}, "without a gap.*3 classes, from -1 to 1"),
        ({"y_train": np.array([0, 1, 2**40])}, "without a gap.*to 1099511627776"),
        (
            {"y_train": np.array([0, 0, 0]), "y_test": np.zeros(4, int)},
            "at least 2 classes",
        ),
        ({"y_test": np.array([0, 1, 2**32, 7])}, r"`y_test` .*0\.\.1.*2 others of 4"),
        ({"class_names": np.array(["a"])}, r"`y_train` must .*0\.\.0.*2 others of 3"),
        (
            {"class_names": np.array(["a", "b", "c"])},
            r"Received none for 1 of 3.*2 \(c",
        ),
        ({"class_names": np.array([1, 2])}, "`class_names` must hold strings"),
    ],
)
def test_a_bad_archive_is_told(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        load(archive(tmp_path, [0, 1, 1], **change))


def test_files_that_are_no_archives_are_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        load(f"npz:{tmp_path / 'nowhere.npz'}")
    np.save(tmp_path / "one.npy", np.zeros(3))
    with pytest.raises(ValueError, match="one.npy' is a single array"):
        load(f"npz:{tmp_path / 'one.npy'}")
    archive(tmp_path, np.repeat([0, 1], 200))
    whole = (tmp_path / "some.npz").read_bytes()
    for content in (b"", b"nonsense", whole[:700]):
        (tmp_path / "some.npz").write_bytes(content)
        with pytest.raises(ValueError, match="some.npz' is not a whole .npz archive"):
            load(f"npz:{tmp_path / 'some.npz'}")
    damaged = bytearray(whole)
    damaged[400:420] = b"\xff" * 20
    (tmp_path / "some.npz").write_bytes(damaged)
    with pytest.raises(ValueError, match="`x_train` of the archive must be a whole"):
        load(f"npz:{tmp_path / 'some.npz'}")


# ------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("imbalance_factor", value) for value in (0.5, -1, True, "10", float("nan"))),
        *(("max_count", value) for value in (0, 2.5, True, "10")),
        *(("seed", value) for value in (-1, 0.5, None)),
        *(("validation_per_class", value) for value in (-1, 1.5, None)),
        ("profile", "linear"),
        ("order", "random"),
        ("on_error", "ignore"),
    ],
)
def test_bad_arguments_are_named_before_anything_is_read(name, value):
    arguments = {"imbalance_factor": 2, name: value}
    with pytest.raises(
        ValueError, match=rf"Argument `{name}` must .*Received: {name}="
    ):
        load("npz:nowhere", **arguments)


def test_max_count_needs_an_imbalance_factor():
    with pytest.raises(ValueError, match="Argument `max_count` must be None without"):
        load("npz:nowhere", max_count=5)


@pytest.mark.parametrize("name", ["mnist", "", None, 3, "CIFAR10", "tar:x"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match="Argument `name` must be .*Received: name="):
        load(name)


def test_what_would_fit_is_told(tmp_path):
    """Of a pool at IF 50, the hints are the last that work."""
    labels = np.repeat(np.arange(10), long_tail_counts(10, 500, 50))
    name = archive(tmp_path, labels)
    with pytest.raises(
        ValueError, match="9 of 10 classes .*class 1: 387 of 323"
    ) as told:
        load(name, 10)
    hint = "imbalance_factor >= 50 with max_count=500 or max_count <= 109 with "
    assert hint + "imbalance_factor=10" in str(told.value)
    assert load(name, 50, max_count=500).class_counts[0] == 500
    assert load(name, 10, max_count=109).class_counts[0] == 109
    for factor, count in [(49, 500), (10, 110)]:
        with pytest.raises(ValueError, match="asks"):
            load(name, factor, max_count=count)
    with pytest.raises(ValueError, match="What fits: max_count <= 500 with imb"):
        load(name, 60, max_count=501)
    with pytest.raises(ValueError, match="`max_count` must leave each class at least"):
        load(name, 501)


# ------------------------------------------------------------ validation slice


@settings(max_examples=150, deadline=None)
@given(
    pool=st.lists(st.integers(2, 40), min_size=2, max_size=7),
    factor=st.one_of(st.none(), st.floats(1, 10)),
    max_count=st.one_of(st.none(), st.integers(10, 40)),
    seed=st.integers(0, 5),
    order=st.sampled_from(["shuffle", "file"]),
    profile=st.sampled_from(["exp", "step"]),
    held_out=st.integers(1, 6),
)
def test_the_slice_is_balanced_disjoint_and_leaves_the_subset_alone(
    pool, factor, max_count, seed, order, profile, held_out
):
    labels = np.repeat(np.arange(len(pool)), pool)
    labels = np.random.default_rng(seed).permutation(labels)
    rule = Rule(factor, profile, max_count, seed, order, held_out)
    without = rule._replace(validation_per_class=0)
    try:
        train, validation, source = draw(labels, len(pool), rule)
    except ValueError as error:
        assert any(part in str(error) for part in ("must leave", "asks"))  # noqa: PT017
        return
    again = draw(labels, len(pool), rule)
    np.testing.assert_array_equal(train, again[0])
    np.testing.assert_array_equal(validation, again[1])
    assert np.bincount(labels[validation]).tolist() == [held_out] * len(pool)
    assert len({*train, *validation}) == len(train) + len(validation)
    community = draw(labels, len(pool), without)[0]
    assert set(train) <= set(community)
    if source == "unused":
        np.testing.assert_array_equal(train, community)
    else:
        assert source == "training"
        assert len(train) < len(community)
        if factor is not None:  # as many as there can be
            counts = np.bincount(labels[train])
            left = np.array(pool) - held_out
            rarer = counts[0] + 1 > left[0]
            more = long_tail_counts(len(pool), counts[0] + 1, factor, profile)
            assert rarer or np.any(more > left)


def test_a_slice_of_unused_images_does_not_change_training(tmp_path):
    labels = balanced(4, 30)
    name = archive(tmp_path, labels)
    data = load(name, 5, max_count=20, validation_per_class=10)
    assert data.validation_source == "unused"
    np.testing.assert_array_equal(
        data.train.images, load(name, 5, max_count=20).train.images
    )
    assert np.bincount(data.validation.labels).tolist() == [10] * 4
    np.testing.assert_array_equal(
        data.validation.labels, labels[numbers(data.validation.images)]
    )
    assert not {*numbers(data.train.images)} & {*numbers(data.validation.images)}


def test_a_slice_that_training_must_make_room_for(tmp_path):
    name = archive(tmp_path, balanced(4, 30))
    data = load(name, 5, validation_per_class=10)
    assert data.validation_source == "training"
    assert data.class_counts.tolist() == long_tail_counts(4, 20, 5).tolist()
    community = numbers(load(name, 5).train.images)
    assert {*numbers(data.train.images)} <= {*community}
    with pytest.raises(ValueError, match=r"class 0: 25 of 20 \(after 10 of each class"):
        load(name, 5, max_count=25, validation_per_class=10)


def test_a_slice_of_all_images_keeps_their_order(tmp_path):
    data = load(
        archive(tmp_path, [1, 0, 1, 0, 1, 0]), validation_per_class=1, order="file"
    )
    assert numbers(data.train.images).tolist() == [0, 1, 2, 3]
    assert numbers(data.validation.images).tolist() == [5, 4]
    assert data.validation_source == "training"


def test_a_slice_larger_than_a_class_is_told(tmp_path):
    name = archive(tmp_path, np.repeat([0, 1], [50, 8]))
    message = "validation_per_class=8; class 1 has 8"
    with pytest.raises(ValueError, match=message):
        load(name, validation_per_class=8)
    with pytest.raises(ValueError, match=r"class 0: 50 of 45 .*What fits: a smaller"):
        load(name, 48, validation_per_class=5)


# --------------------------------------------------------------------- folders


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
    (tmp_path / "zoo" / "train" / "ant" / "notes.txt").touch()
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


def test_bad_folders_are_told(folder):
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere/train"):
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


# ------------------------------------------------------------------ containers


def test_data_checks_what_it_holds():
    good = Split(numbered(3), np.array([0, 1, 1]))
    data = LongTailedData("tiny", good, good, None, ("a", "b"), "official")
    assert repr(data) == (
        "<LongTailedData 'tiny': 3 training images of 2 classes, imbalance factor 2, "
        "3 for validation>"
    )
    with pytest.raises(AttributeError):
        data.name = "other"
    for labels, message in [
        ([0, 1], "`test` must have one label for each image. Received: 3 images, 2"),
        (
            [0, 1, 2],
            r"Labels of `test` must lie in 0\.\.1.*1 others of 3, such as \[2\]",
        ),
        ([0.0, 1.0, 1.0], "Labels of `test` must be integers.*float64"),
    ]:
        with pytest.raises(ValueError, match=message):
            LongTailedData(
                "tiny", good, None, Split(numbered(3), np.array(labels)), ("a", "b")
            )
