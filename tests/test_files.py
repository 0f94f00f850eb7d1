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


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "before").write_text("before")
    return folder


def test_a_folder_stays_if_nothing_was_written(folder):
    message = "Nothing was written: '.*model'"
    with pytest.raises(FileNotFoundError, match=message), replacing(folder):
        pass
    assert os.listdir(folder.parent) == ["model"]
    assert os.listdir(folder) == ["before"]


@pytest.mark.parametrize("name", ["model", "before"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "of the disk"), SystemExit])
def test_a_folder_comes_back_if_its_place_cannot_be_taken(
    folder, monkeypatch, error, name
):
    folder = folder.rename(folder.with_name(name))
    replace, left = os.replace, [1]  # renames that work, then one that does not

    def fail_once(*arguments):
        left[0] -= 1
        if left[0] == -1:
            raise error
        replace(*arguments)

    def write():
        with replacing(folder) as unfinished:
            unfinished.mkdir()
            (unfinished / "after").write_text("after")

    monkeypatch.setattr(os, "replace", fail_once)
    with pytest.raises((OSError, SystemExit)):
        write()
    assert os.listdir(folder.parent) == [name]
    assert os.listdir(folder) == ["before"]
    write()
    assert os.listdir(folder) == ["after"]


def test_a_folder_that_cannot_come_back_is_kept(folder, monkeypatch):
    replace, left = os.replace, [1]

    def fail(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "of the disk")
        replace(*arguments)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="of the disk"), replacing(folder) as unfinished:
        unfinished.mkdir()
    (kept,) = folder.parent.glob(".model.*/model.before/before")
    assert kept.read_text() == "before"


def test_of_two_that_write_one_folder_the_later_hears_its_own_error(
    folder, monkeypatch
):
    """Before, the error of the way back hid it."""
    replace = os.replace

    def fail(source, target):
        if target == folder:
            raise OSError(errno.ENOTEMPTY, f"by {source.name}")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    raises = pytest.raises(OSError, match="by model: '")
    with raises as caught, replacing(folder) as unfinished:
        unfinished.mkdir()
    assert caught.value.filename == str(folder)


def test_a_link_stays_one(path, folder):
    for target, name in ((path, "link.keras"), (folder, "link")):
        (path.parent / name).symlink_to(target.name)
    write_atomically(path.parent / "link.keras", "after")
    with replacing(path.parent / "link") as unfinished:
        assert unfinished.name == "link"
        unfinished.mkdir()
    assert path.read_text() == "after"
    assert os.listdir(folder) == []
    for name in ("link.keras", "link"):
        assert (path.parent / name).is_symlink()


def mode(path):
    return path.stat().st_mode & 0o777


@pytest.mark.skipif(os.name != "posix", reason="permissions are of POSIX")
def test_permissions_stay_and_new_files_have_those_of_any_other(path, folder):
    path.chmod(0o600)
    folder.chmod(0o750)
    write_atomically(path, "after")
    with replacing(folder) as unfinished:
        unfinished.mkdir()
    before = os.umask(0o027)
    try:
        write_atomically(path.with_name("new.json"), "{}")
    finally:
        os.umask(before)
    assert mode(path) == 0o600
    assert mode(folder) == 0o750
    assert mode(path.with_name("new.json")) == 0o640


@pytest.mark.skipif(os.name != "posix", reason="permissions are of POSIX")
def test_a_file_in_place_of_a_folder_has_permissions_of_a_file(folder):
    """Before, it could be run as a program: folders have the right to be entered."""
    folder.chmod(0o755)
    before = os.umask(0o022)
    try:
        write_atomically(folder, "a file")
    finally:
        os.umask(before)
    assert mode(folder) == 0o644


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, FULL), f"[Errno {errno.ENOSPC}] {FULL}: {{path!r}}"),
        (
            PermissionError(errno.EACCES, "Denied", "of another name", None, "second"),
            f"[Errno {errno.EACCES}] Denied: {{path!r}}",
        ),
        (OSError("of another kind"), "of another kind"),
        (
            RuntimeError(f"saved_model.pb.tmp7; {FULL}"),
            f"[Errno {errno.ENOSPC}] {FULL}: {{path!r}}",
        ),
        (RuntimeError("of another kind"), "of another kind"),
    ],
)
def test_what_is_there_stays_if_writing_fails(path, error, told):
    kind = OSError if FULL in str(error) else type(error)

    def fail():
        with replacing(path) as unfinished:
            unfinished.write_text("half")
            raise error

    with pytest.raises(kind) as caught:
        fail()
    assert str(caught.value) == told.format(path=str(path))
    assert type(caught.value) is kind
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
