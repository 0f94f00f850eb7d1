import warnings

import numpy as np
import pytest
from PIL import Image

from keras_spa.data.load import load

ROWS = """path,label,split
a b/ärger 1.png,été/plage,train
a b/ärger 2.png,été/plage,
😀.png,😀 happy,train
"x,y.png",😀 happy,val
last.png,été/plage,test
"""


@pytest.fixture
def table(tmp_path):
    """A table and its pictures, each of a level of its own."""
    (tmp_path / "a b").mkdir()
    names = ("a b/ärger 1.png", "a b/ärger 2.png", "😀.png", "x,y.png", "last.png")
    for level, name in enumerate(names):
        Image.new("L", (8, 6), 10 * level).save(tmp_path / name)
    path = tmp_path / "zoo.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def levels(split):
    return [int(image[0, 0, 0]) for image in split.images]


def test_a_table_of_files(table):
    data = load(f"csv:{table}")
    assert (data.name, data.class_names) == ("zoo", ("été/plage", "😀 happy"))
    assert levels(data.train) == [0, 10, 20]
    assert data.train.labels.tolist() == [0, 0, 1]
    assert (levels(data.validation), data.validation.labels.tolist()) == ([30], [1])
    assert (levels(data.test), data.test.labels.tolist()) == ([40], [0])
    assert data.validation_source == "official"
    assert data.train.labels.dtype == np.int32


def test_a_table_without_splits_as_a_spreadsheet_writes_it(table):
    lines = [line.rpartition(",")[0] for line in ROWS.splitlines()]
    table.write_text("\r\n".join(lines), encoding="utf-8-sig")
    data = load(table.name.join(["csv:", ""]), data_dir=table.parent)
    assert levels(data.train) == [0, 10, 20, 30, 40]
    assert (data.validation, data.test, data.validation_source) == (None, None, None)


def test_headers_and_splits_may_be_in_capitals(table):
    """Before, a column `Split` was passed over, and test images trained."""
    text = ROWS.replace("path,label,split", "Path,LABEL,Split")
    text = text.replace(",val", ",Val").replace(",test", ",TEST")
    table.write_text(text, encoding="utf-8")
    data = load(f"csv:{table}")
    assert levels(data.train) == [0, 10, 20]
    assert (levels(data.validation), levels(data.test)) == ([30], [40])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must begin with a line `path,label`.*an empty file"),
        ("file,class\na.png,x\n", "must begin with a line .*Received: file,class"),
        ("path,label\na.png,x\n,y\n", "Line 3 of .* Received: ,y"),
        ("path,label\na.png,x\nb.png\n", "Line 3 .* cells.* Received 1: b.png$"),
        ("path,split,label\na,,x\nb,\n", "Line 3 .* cells.* Received 2: b,$"),
        # Before, a test image that trained.
        ("path,label\na,x,test\nb,y\n", "Line 2 .*path,label.* Received 3: a,x,test"),
        ("path,label,Label\na,x,z\nb,y,z\n", "each column once.*: path,label,label"),
        ("path,label\na,x\nb,y\na,y\n", "one label. Received 1 .*/a' as x.*/a' as y"),
        (
            "path,label,split\na,x,\nb,y,\na,x,test\n./b,y,test\n",
            "one split. Received 2 files .*/a' as train and .*/a' as test",
        ),
        ("path,label,split\na.png,x,dev\n", "Line 2 of .* Received: a.png,x,dev"),
        (
            "path,label,split\na,x,train\na,z,train\nb,y,val\n",
            "must have images whose split is train. Received 1 without: y",
        ),
        (
            "path,label,split\na,x,test\nb,y,test\n",
            "split is train; of images to judge a model on leave it empty. Received 2",
        ),
        ("path,label\na.png,x\n", r"at least 2 classes. Received: \['x'\]"),
        (b"\xff\xfe\x00", "is not a whole .csv table"),
    ],
)
def test_bad_tables_are_told(tmp_path, text, told):
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=told):
        load(f"csv:{path}")


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no table .*nowhere.csv"):
        load(f"csv:{tmp_path}/nowhere.csv")


def test_columns_that_are_not_read_are_told(tmp_path):
    """Before, a column `Set` of train and test was passed over without a word."""
    path = tmp_path / "sets.csv"
    path.write_text(",path,label,Set\n0,a,x,train\n1,b,y,test\n")
    told = r"Left out of .*sets.csv': the columns \(without a name\), set. Read are"
    with pytest.warns(UserWarning, match=told) as warned:
        data = load(f"csv:{path}")
    assert warned[0].filename == __file__
    assert (len(data.train.labels), data.test) == (2, None)


def test_cells_that_say_nothing_may_be_left_out_or_over(tmp_path):
    """As spreadsheets write them. Before, they were refused."""
    path = tmp_path / "cells.csv"
    for text in (
        "path,label,split\na,x\nb,y,\nc,y,test\n",
        "path,label,split\na,x,train\nb,y,,\nc,y,test, ,\n",
        "path,label,split,note\na,x,train,good\nb,y,,\nc,y,test\n",
    ):
        path.write_text(text)
        data = load(f"csv:{path}")
        assert data.train.labels.tolist() == [0, 1]
        assert data.test.labels.tolist() == [1]


@pytest.mark.parametrize(
    "row",
    ["linked/ärger 1.png,été/plage,test", "a b/../a b/ärger 1.png,été/plage,val"],
)
def test_a_path_in_two_splits_is_found_through_links_and_dots(table, row):
    (table.parent / "linked").symlink_to(table.parent / "a b")
    table.write_text(f"{ROWS}{row}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="under one split. Received 1 files"):
        load(f"csv:{table}")


def test_files_that_are_links_to_one_are_told(table):
    """Before, they were refused, though DVC and others link all equal files to one."""
    (table.parent / "happy.png").symlink_to(table.parent / "😀.png")
    (table.parent / "hard.png").hardlink_to(table.parent / "last.png")
    rows = "happy.png,😀 happy,val\nhard.png,été/plage,train\n"
    table.write_text(ROWS + rows, encoding="utf-8")
    with pytest.warns(UserWarning, match="has 2 entries .*😀.png.*happy.png") as w:
        data = load(f"csv:{table}")
    assert [one.filename for one in w] == [__file__]
    assert levels(data.train) == [0, 10, 20, 40]
    assert levels(data.validation) == [30, 20]


def test_rows_that_repeat_others_are_kept(table):
    """Rare classes may be there more often on purpose. Before, they were dropped."""
    rows = "./last.png,été/plage,test\n" + 2 * "😀.png,😀 happy,train\n"
    table.write_text(ROWS + rows, encoding="utf-8")
    with pytest.warns(UserWarning, match="has 3 entries .*last.png'. All are ke") as w:
        data = load(f"csv:{table}")
    assert [one.filename for one in w] == [__file__]
    assert levels(data.train) == [0, 10, 20, 20, 20]
    assert levels(data.test) == [40, 40]


def test_the_order_of_numbers_is_told_where_it_is_not_that_of_text(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("path,label\n" + "".join(f"{c}.png,{c}\n" for c in range(12)))
    with pytest.warns(
        UserWarning, match="are numbers.* text: 0, 1, 2, 3, 4, ...$"
    ) as w:
        load(f"csv:{path}")
    assert [one.filename for one in w] == [__file__]
    path.write_text("path,label\n" + "".join(f"{c}.png,{c}\n" for c in range(10)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(f"csv:{path}")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("10", "2", "0", "-1"), ("-1", "0", "2", "10")),
        (("10", "2", "x"), ("10", "2", "x")),
        (("1", "01", "0"), ("0", "01", "1")),
    ],
)
def test_numbers_are_in_their_own_order(tmp_path, names, expected):
    """Before, in that of their text, so that a model with labels 0..K-1 was wrong."""
    path = tmp_path / "numbers.csv"
    rows = [f"{i}.png,{name}" for i, name in enumerate(names)]
    path.write_text("\n".join(["path,label", *rows]))
    data = load(f"csv:{path}")
    assert data.class_names == expected
    assert [expected[label] for label in data.train.labels] == [*names]
