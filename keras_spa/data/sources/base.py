"""What a loader is given and what it owes."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from keras_spa._types import Path
from keras_spa.data.long_tailed_data import LongTailedData, Split


class Request(NamedTuple):
    """The arguments of `load` that say which images are meant, and where they are.

    Args:
        name: The data set's name, without a PATH.
        path: PATH of a name such as `"npz:PATH"`, below `data_dir` if it is relative.
        data_dir: Folder of the data sets, or None: that of TensorFlow Datasets.
        lists: Folder of lists of images, or None: `data_dir`.
        download: Whether the loader may use the network.
    """

    name: str
    path: pathlib.Path
    data_dir: Path | None
    lists: Path | None
    download: bool


class Loader(Protocol):
    """A function from a `Request` to all images of a data set.

    It owes `LongTailedData` in the data set's official order, which is what makes a
    subset drawn from it the same everywhere: uint8 arrays or `ImageFiles`, int32
    labels, a validation split only if the data set has one of its own. It reads no
    more than it must: `load` draws the subset and looks into the files. What is not
    there is a FileNotFoundError that says how to get it; what is there and wrong is a
    ValueError that names the file and the first few wrong entries.
    """

    def __call__(self, request: Request) -> LongTailedData: ...


def with_official_splits(
    name: str, splits: dict[str, Split], class_names: Sequence[str]
) -> LongTailedData:
    """A data set whose splits, `"train"` and perhaps others, came as they are."""
    return LongTailedData(
        name,
        splits["train"],
        splits.get("validation"),
        splits.get("test"),
        tuple(class_names),
        validation_source="official" if "validation" in splits else None,
    )


class Source(NamedTuple):
    """A row of the table of sources.

    Args:
        load: The `Loader`.
        long_tailed: Whether the data set is a long-tailed one by itself, from which
            `load` draws no subset.
    """

    load: Loader
    long_tailed: bool = False
