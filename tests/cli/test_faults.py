"""Damaged files, full disks, closed folders: one clear line, and nothing is lost."""

import errno
import os
import pathlib
import re

import keras
import pytest
import small_zoo

from keras_spa.cli import models, report, watching
from keras_spa.training.checkpoint import Checkpoint


def line(result, code=2):
    """The one line on stderr of a command that ends with a code."""
    assert result[0] == code, result
    assert result[2].startswith("keras-spa: ")
    assert result[2].count("\n") == 1, result[2]
    return result[2]


@pytest.fixture
def zoo():
    return small_zoo.folder(pathlib.Path("zoo"))


def test_damaged_files_are_named_counted_and_left_out_by_flag(run, zoo):
    (zoo / "a cat" / "3.png").write_bytes(b"no image")
    (zoo / "😀" / "0.png").write_bytes((zoo / "😀" / "0.png").read_bytes()[:60])
    told = line(run("describe", zoo))
    assert "2 of 23 image files are damaged: " in told
    assert "a cat/3.png, " in told
    assert told.endswith("😀/0.png. --skip_corrupt leaves them out\n")
    code, out, err = run("describe", zoo, "--skip_corrupt")
    assert code == 0
    assert "21 training images of 4 classes" in out
    assert err.endswith("😀/0.png; left out\n")
    (zoo / "alone" / "0.png").write_bytes(b"")
    told = line(run("train", zoo, "--skip_corrupt"))
    assert "Left out 3 of 23 image files" in told
    assert "none for 1 of 4 classes: 1 (alone)" in told
    assert not pathlib.Path("keras-spa-runs").exists()


def test_an_empty_class_is_named(run, zoo):
    (zoo / "nobody").mkdir()
    told = line(run("train", zoo))
    assert "zoo/nobody' must hold images with one of the endings" in told


def test_a_missing_file_of_a_table_is_named(run):
    table = small_zoo.table(pathlib.Path("zoo.csv"))
    os.unlink("files of the table/a cat/2.png")
    told = line(run("describe", table))
    assert "1 of 23 image files are missing: " in told
    assert "a cat/2.png" in told
    pathlib.Path("files of the table/a cat/3.png").write_bytes(b"no image")
    assert "2 of 23 image files are missing or damaged: " in line(
        run("describe", table)
    )
    os.rename("files of the table", "elsewhere")
    told = line(run("describe", table))
    assert "Left out 23 of 23 image files, which are missing: " in told


def test_a_closed_folder_is_named(run, zoo, monkeypatch):
    """Root may read everything: the disk is made to refuse."""
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("a cat"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert line(run("train", zoo)).endswith("zoo/a cat: Permission denied\n")


def test_a_class_of_one_image_trains_and_is_named(run, zoo):
    code, out, _ = run("train", zoo, *small_zoo.SMALL, "--epochs=1")
    assert code == 0
    assert "of one image, which trains and is not held out: alone\n" in out
    assert "Aligned by the rule: 1 of 4 classes have no held-out image" in out


def full(where, name):
    """A patch: the disk is full, the next time that `where.name` is called."""

    def fail(*arguments, **others):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch = pytest.MonkeyPatch()
    patch.setattr(where, name, fail)
    return patch


@pytest.mark.long
def test_on_a_full_disk_nothing_is_lost(run, zoo):
    """The disk is full at one place after the other; the same command goes on."""
    places = [
        ("Could not save .*best-epoch-000000", watching.keras.Model, "save_weights"),
        ("Could not save .*epoch-000001: No space", Checkpoint, "_write"),
        ("model.keras: No space left on device", models.keras.Model, "save"),
        ("No space left on device", report, "write_atomically"),
    ]
    hardly_trained = "no more than guessing would"
    for told, where, name in places:
        patch = full(where, name)
        code, _, err = run("train", zoo, *small_zoo.SMALL)
        patch.undo()
        *warned, error = err.splitlines()
        assert code == 2
        assert re.search(f"^keras-spa: .*{told}", error), err
        assert all(hardly_trained in one for one in warned)
        folders = [path.name for path in pathlib.Path("keras-spa-runs").iterdir()]
        assert folders == ([] if name == "save_weights" else ["1"])
        assert not (pathlib.Path("keras-spa-runs/1") / "report.html").exists()
    code, out, err = run("train", zoo, *small_zoo.SMALL)
    assert code == 0
    assert all(hardly_trained in one for one in err.splitlines())
    assert "goes on in epoch 2" in out
    assert "epoch 1/2" not in out
    folder = pathlib.Path("keras-spa-runs/1")
    assert (folder / "report.html").exists()
    assert not list(folder.glob("best-*")) + list(folder.glob(".un*"))
    assert not (folder / "checkpoints").exists()


def test_an_error_of_another_kind_is_one_line(run, zoo, monkeypatch):
    def fails(*arguments, **others):
        raise TypeError("a\nb")

    monkeypatch.setattr("keras_spa.data.describe", fails)
    told = line(run("describe", zoo), code=1)
    assert told == "keras-spa: TypeError: a b (--debug shows where)\n"
    code, _, err = run("describe", zoo, "--debug")
    assert code == 1
    assert "Traceback" in err


def test_what_is_missing_is_said(run, zoo, monkeypatch):
    told = line(run("train", zoo, "--backbone=hub:resnet_18"))
    assert "--backbone=hub:PRESET needs KerasHub" in told or "hub:resnet_18" in told
    small_zoo.folder(pathlib.Path("large"), sides=(70, 71), ending="jpg")
    monkeypatch.setattr("keras_spa.cli.feed.is_there", lambda name: False)
    told = line(run("train", "large"))
    assert "read by TensorFlow, which is missing (pip install tensorflow)" in told


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="converts by itself")
@pytest.mark.parametrize("command", ["train", "align"])
def test_a_missing_converter_is_told_before_anything_is_done(run, command, monkeypatch):
    """Before, `train` looked for `onnx` alone, and failed when it had trained."""
    small_zoo.archive(pathlib.Path("zoo.npz"))
    pathlib.Path("my.keras").touch()
    there = models.is_there
    monkeypatch.setattr(
        "keras_spa.cli.models.is_there",
        lambda name: "2onnx" not in name and there(name),
    )
    subject = ("my.keras",) if command == "align" else ()
    told = line(run(command, *subject, "zoo.npz", "--format=onnx"))
    assert re.search(
        "--format=onnx needs more packages: pip install (tf|jax)2onnx", told
    )
    assert not pathlib.Path("keras-spa-runs").exists()
