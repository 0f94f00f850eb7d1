"""What users of pandas and polars bring, where the libraries are installed."""

import importlib

import numpy as np

from wild.judge import SAME, UNDEFINED, Wild


def module(name):
    """A library that may be missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


PANDAS, POLARS = module("pandas"), module("polars")


def frames(good):
    """The same numbers, by their place: an index that is not 0..N−1 says nothing."""
    if good.ndim not in (1, 2):
        return []
    others = {}
    if PANDAS is not None:
        make = PANDAS.DataFrame if good.ndim == 2 else PANDAS.Series
        nullable = good.dtype.name.capitalize()
        others |= {
            "pandas": make(good),
            "pandas of another index": make(good, index=_others(len(good))),
            "pandas of a shuffled index": make(good, index=range(len(good))[::-1]),
            "pandas, nullable": make(good).astype(nullable),
        }
    if PANDAS is not None and good.ndim == 1:
        others |= {
            "pandas' Index": PANDAS.Index(good),
            "pandas' array": PANDAS.array(good),
            "categories of numbers": PANDAS.Series(good).astype("category"),
        }
    if POLARS is not None:
        make = POLARS.DataFrame if good.ndim == 2 else POLARS.Series
        others["polars"] = make(good)
    return [Wild(label, value, SAME) for label, value in others.items()]


def no_frames(good):
    """No numbers, or some of them missing."""
    if good.ndim not in (1, 2):
        return []
    texts = good.astype(str)
    dates = good.astype("int64").astype("M8[ms]")
    holes = good.astype(object)
    holes.flat[0] = None
    found = []
    if PANDAS is not None:
        make = PANDAS.DataFrame if good.ndim == 2 else PANDAS.Series
        nullable = good.dtype.name.capitalize()
        found += [
            Wild("pandas' texts", make(texts)),
            Wild("pandas' dates", make(dates)),
            Wild("pandas' NA", make(holes).astype(nullable), UNDEFINED),
            Wild("pandas' NaN", make(holes).astype("float64"), UNDEFINED),
            Wild("pandas' groups", make(good).groupby(level=0)),
            Wild("categories of texts", make(texts).astype("category")),
        ]
    if POLARS is not None:
        make = POLARS.DataFrame if good.ndim == 2 else POLARS.Series
        found += [
            Wild("polars' texts", make(texts)),
            Wild("polars' dates", make(dates)),
            Wild("polars' nulls", make(holes.tolist()), UNDEFINED),
            Wild("polars, to be computed", POLARS.DataFrame(good).lazy()),
        ]
    if good.ndim == 2 and PANDAS is not None:
        found.append(Wild("mixed columns", PANDAS.DataFrame(good).assign(name="a")))
    if good.ndim == 1 and PANDAS is not None:
        spans = PANDAS.to_timedelta(good.astype("int64"), unit="s")
        found += [
            Wild("pandas' spans", PANDAS.Series(spans)),
            Wild("pandas' Index of texts", PANDAS.Index(texts)),
        ]
    return found


def counts(good):
    """Of class counts the index is the classes."""
    if PANDAS is None:
        return []
    series, count = PANDAS.Series(good), len(good)
    labels = PANDAS.Series(np.repeat(np.arange(count), good))
    from_one = series.set_axis(range(1, count + 1))
    return [
        Wild("value_counts", labels.value_counts(), SAME),
        Wild("of categories", labels.astype("category").value_counts(), SAME),
        Wild("sizes of groups", labels.groupby(labels).size(), SAME),
        Wild("nullable counts", labels.astype("Int64").value_counts(), SAME),
        Wild("counted from 1", from_one),
        Wild("texts as index", series.set_axis(list("abcdefgh")[:count])),
        Wild("an index twice", series.set_axis([0] * count)),
        Wild("shares as index", series.set_axis(np.arange(count) / 2)),
        Wild("a frame of counts", PANDAS.DataFrame({"n": good})),
        Wild("a frame by rows", labels.value_counts().reset_index()),
    ]


def names(good):
    """The names of classes as `categories` or a column has them."""
    if PANDAS is None:
        return []
    others = {
        "pandas' Index of names": PANDAS.Index([*good]),
        "pandas' names": PANDAS.Series([*good], index=_others(len(good))),
        "categories": PANDAS.Series([*good]).astype("category").cat.categories,
    }
    found = [Wild(label, value, SAME) for label, value in others.items()]
    if POLARS is not None:
        found.append(Wild("polars' names", POLARS.Series([*good]), SAME))
    return [
        *found,
        Wild("numbers as names", PANDAS.Index(range(len(good)))),
        Wild("a name missing", PANDAS.Series([None, *good[1:]])),
        Wild("a frame of names", PANDAS.DataFrame({"name": [*good]})),
    ]


def pairs(x, y):
    """Images and labels, of one table or two."""
    found = []
    if PANDAS is not None:
        index, even = _others(len(x)), 2.0 * np.arange(len(x))
        images, labels = PANDAS.DataFrame(x, index=index), PANDAS.Series(y, index=index)
        found += [
            Wild("pandas", (images, labels), SAME),
            Wild("pandas' column", (images, labels.to_frame("label")), SAME),
            Wild("pandas' categories", (images, labels.astype("category")), SAME),
            Wild("pandas by numbers", (images.set_axis(even), labels), SAME),
            Wild("a table", images.assign(label=labels)),
        ]
    if POLARS is not None:
        images, labels = POLARS.DataFrame(x), POLARS.Series(y)
        found += [
            Wild("polars", (images, labels), SAME),
            Wild("a table of polars", images.with_columns(label=labels)),
        ]
    return found


def _others(count):
    return [*range(10, 10 + 3 * count, 3)][::-1]
