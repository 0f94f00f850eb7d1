import numpy as np
import pytest
from archives import numbered

from keras_spa.data.long_tailed_data import LongTailedData, Split

pd = pytest.importorskip("pandas")


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


TINY = Split(np.zeros((2, 1, 1, 1), "uint8"), np.array([0, 1]))


@pytest.mark.parametrize(
    "names",
    [
        ["cat", "dog"],
        np.array(["cat", "dog"]),
        np.array(["cat", "dog"], object),
        pd.Index(["cat", "dog"]),
    ],
)
def test_class_names_may_be_any_sequence(names):
    """Such as `classes_` of scikit-learn."""
    data = LongTailedData("tiny", TINY, None, None, names)
    assert data.class_names == ("cat", "dog")
    assert {type(name) for name in data.class_names} == {str}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("ab", "must be a list of strings.* Received: class_names='ab'"),
        ({"a", "b"}, "must be a list of strings"),
        (np.array([["a"], ["b"]]), "must be a list of strings"),
        (np.array([0, 1]), "must be a list of strings"),
    ],
)
def test_bad_class_names_are_told(names, message):
    with pytest.raises(ValueError, match=message):
        LongTailedData("tiny", TINY, None, None, names)


def test_classes_in_another_order_are_the_same_images():
    images = np.arange(4, dtype="uint8").reshape(4, 1, 1, 1)
    train = Split(images, np.array([0, 1, 2, 0]))
    data = LongTailedData("tiny", train, None, None, ("a", "b", "e\u0301"))
    other = data.reordered(["\u00e9", "a", "b"])  # the same letter, written otherwise
    assert other.class_names == ("\u00e9", "a", "b")
    assert other.train.labels.tolist() == [1, 2, 0, 1]
    assert other.class_counts.tolist() == [1, 2, 1]
    assert other.train.images is images
    assert data.reordered(data.class_names) is data


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a", "c"), "1 are not among those, such as 'b'; 1 are missing, such as 'c'"),
        (("a", "b", "c"), "2 classes, which must be, by name, the 3 wanted. 1 are mi"),
        (("a",), "1 are not among those, such as 'b'"),
        (("a", "b", "b"), "are there more than once, such as 'b'"),
    ],
)
def test_other_classes_are_refused(names, message):
    train = Split(np.zeros((2, 1, 1, 1), "uint8"), np.array([0, 1]))
    data = LongTailedData("tiny", train, None, None, ("a", "b"))
    with pytest.raises(ValueError, match=message):
        data.reordered(names)


def test_names_of_several_classes_match_no_other_order():
    """Two of ImageNet's are called crane: data sets of such names were refused."""
    train = Split(np.zeros((3, 1, 1, 1), "uint8"), np.array([0, 1, 2]))
    data = LongTailedData("birds", train, None, None, ("crane", "emu", "crane"))
    assert data.reordered(["crane", "emu", "crane"]) is data
    for wanted in (("emu", "crane", "crane"), ("emu", "crane", "hoist")):
        with pytest.raises(ValueError, match="more than once, such as 'crane'"):
            data.reordered(wanted)
