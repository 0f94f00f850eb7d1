"""Folders of images in tests of what is read of them."""

import warnings

import pytest

from keras_spa.data.load import load


def names(split):
    return ["/".join(path.split("/")[-2:]) for path in split.images.paths.tolist()]


def load_quietly(folder):
    """The folder's data; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return load(f"folder:{folder}")


def told(folder):
    """The folder's data, and the one warning of what is left out of it."""
    with pytest.warns(UserWarning, match="Left out of ") as warned:
        data = load(f"folder:{folder}")
    assert [one.filename for one in warned] == [__file__]
    return data, str(warned[0].message)
