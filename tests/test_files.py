"""Files are written whole or not at all, and what a full disk stops says which."""

import errno
import os
import re

import pytest

from keras_spa.files import replacing, write_atomically

FULL = os.strerror(errno.ENOSPC)
pytestmark = pytest.mark.once


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("before")
    return path


def test_what_is_written_takes_the_place_at_the_end(path):
    with replacing(path) as unfinished:
        unfinished.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert os.listdir(path.parent) == [path.name]


def test_a_folder_takes_the_place_of_a_folder(tmp_path):
    for text in ("before", "after"):
        with replacing(tmp_path / "model") as unfinished:
            unfinished.mkdir()
            (unfinished / text).write_text(text)
    assert os.listdir(tmp_path) == ["model"]
    assert os.listdir(tmp_path / "model") == ["after"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, FULL), f"{FULL}: '.*model.keras'"),
        (OSError("of another kind"), "of another kind"),
        (RuntimeError(f"saved_model.pb.tmp7; {FULL}"), f"{FULL}: '.*model.keras'"),
        (RuntimeError("of another kind"), "of another kind"),
    ],
)
def test_what_is_there_stays_if_writing_fails(path, error, told):
    kind = OSError if FULL in str(error) else type(error)

    def fail():
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(kind, match=told):
        fail()
    assert path.read_text() == "before"
    assert os.listdir(path.parent) == [path.name]


def test_write_atomically_names_the_file(path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, FULL)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=re.escape(path.name)):
        write_atomically(path, "after")
    assert path.read_text() == "before"
    assert os.listdir(path.parent) == [path.name]
