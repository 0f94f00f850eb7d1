"""Runs are numbered, go on, stop early, and advise."""

import argparse
import json
import ntpath
import os
import pathlib
import re
import shutil
import struct
import time
import zlib

import keras
import numpy as np
import pytest
import small_zoo

import keras_spa as spa
from keras_spa.cli import checksum, runs, watching
from keras_spa.cli.measures import Judged
from keras_spa.cli.report import Result


def begun(output, settings):
    with runs.numbered(output, settings) as folder:
        return folder


def test_a_begun_run_goes_on_and_a_finished_one_stays(tmp_path):
    output = tmp_path / "a b" / "runs"
    first = begun(output, {"epochs": 2})
    assert first == output / "1"
    assert begun(output, {"epochs": 2}) == first
    assert begun(output, {"epochs": 3}) == output / "2"
    (first / runs.REPORT).touch()
    assert begun(output, {"epochs": 2}) == output / "3"
    (output / "notes").mkdir()
    (output / "12").mkdir()
    assert begun(output, {"epochs": 4}) == output / "13"
    (output / "13" / runs.SETTINGS).write_text("{")
    assert begun(output, {"epochs": 4}) == output / "14"


def test_a_run_that_never_began_leaves_no_folder(tmp_path, run):
    with pytest.raises(FileExistsError), runs.numbered(tmp_path / "a", {}) as folder:
        folder.mkdir()
    assert list((tmp_path / "a").iterdir()) == []
    with pytest.raises(FileExistsError), runs.numbered(tmp_path / "b", {}) as folder:
        (folder / "history.json").touch(exist_ok=False) or folder.mkdir()
    assert (tmp_path / "b" / "1" / "history.json").exists()
    small_zoo.archive(tmp_path / "zoo.npz")
    code, _, err = run("train", tmp_path / "zoo.npz", "--weights=imagenet")
    assert (code, err.count("\n")) == (2, 1)
    assert "--weights must be none with --backbone=resnet_cifar" in err
    assert list((tmp_path / "keras-spa-runs").iterdir()) == []


@pytest.fixture
def begin(run, monkeypatch):
    """Begins to train, is killed, and says in which folder that was."""
    folders = []

    def killed(arguments, fed, folder):
        (folder / "checkpoints").mkdir(exist_ok=True)
        folders.append(folder.name)
        raise ValueError("killed")

    monkeypatch.setattr("keras_spa.cli.fitting.train", killed)

    def begin_run(*arguments):
        assert run("train", *arguments)[2] == "keras-spa: killed\n"
        return folders[-1]

    return begin_run


def test_a_begun_run_does_not_go_on_with_other_files(begin):
    small_zoo.folder(pathlib.Path("zoo"))
    assert [begin("zoo"), begin("zoo"), begin(pathlib.Path("zoo").resolve())] == [
        *("1", "1", "1")
    ]
    picture = pathlib.Path("zoo/a cat/0.png")
    os.rename(picture, picture.with_name("00.png"))
    assert [begin("zoo"), begin("zoo")] == ["2", "2"]
    other = pathlib.Path("zoo/a cat/1.png")
    about = other.stat()
    content = other.read_bytes()
    other.write_bytes(content + b"more")
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert begin("zoo") == "3"
    text = b"tEXtComment\0"  # a chunk of the same size, unlike but harmless
    for number, letter in ((4, b"a"), (5, b"b")):
        chunk = text + letter
        chunk = struct.pack(">I", 9) + chunk + struct.pack(">I", zlib.crc32(chunk))
        other.write_bytes(content[:33] + chunk + content[33:])
        os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert begin("zoo") == str(number)


def test_a_begun_run_goes_on_with_a_copy_of_its_files(begin):
    """As of a preemptible machine, that unpacks its data at each start."""
    zoo = small_zoo.folder(pathlib.Path("zoo"))
    assert begin("zoo") == "1"
    shutil.copytree(zoo, "copy", copy_function=shutil.copyfile)
    shutil.rmtree(zoo)
    os.rename("copy", zoo)
    later = time.time_ns() + 10**9
    for path in zoo.glob("*/*"):
        os.utime(path, ns=(later, later))
    assert begin("zoo") == "1"
    os.rename(zoo, "unpacked elsewhere")
    os.symlink("unpacked elsewhere", zoo)
    assert begin("zoo") == "1"


def test_data_on_two_drives_of_windows(tmp_path, monkeypatch):
    """The table on C:, the pictures on D:."""
    zoo = small_zoo.folder(tmp_path / "zoo")
    data = spa.data.load(f"folder:{zoo}")

    def relpath(path, start):
        return ntpath.relpath(f"D:{path}", f"C:{start}")

    monkeypatch.setattr("os.path.relpath", relpath)
    one = checksum.of_data(data, tmp_path / "zoo.csv")
    assert one == checksum.of_data(data, tmp_path / "zoo.csv")
    renamed = zoo.rename(tmp_path / "menagerie")
    data = spa.data.load(f"folder:{renamed}")
    assert one != checksum.of_data(data, tmp_path / "zoo.csv")


def test_what_keeps_an_unfinished_run_from_going_on_is_told(tmp_path, capsys):
    def said(epochs, **others):
        begun(tmp_path / "runs", {"flags": {"epochs": epochs, "seed": 0}, **others})
        return capsys.readouterr().out

    one = tmp_path / "runs" / "1"
    assert said(2, images_and_labels="a") == said(2, images_and_labels="a") == ""
    told = f"{one} is not finished but differs in --epochs: a new run begins\n"
    assert said(3, images_and_labels="a") == told
    told = f"{one} is not finished but differs in images and labels: a new run begins\n"
    assert said(2, images_and_labels="b") == told  # the nearest of the two
    for folder in one.parent.iterdir():
        (folder / runs.REPORT).touch()
    assert said(4) == ""


def test_a_begun_run_does_not_go_on_with_other_labels(begin):
    table = small_zoo.table(pathlib.Path("zoo.csv"))
    flags = (table, "--held_out=0")
    assert [begin(*flags), begin(*flags)] == ["1", "1"]
    lines = table.read_text(encoding="utf-8").splitlines()
    one, other = lines[1].split(","), lines[13].split(",")
    one[1], other[1] = other[1], one[1]  # as many images of each class as before
    lines[1], lines[13] = ",".join(one), ",".join(other)
    table.write_text("\n".join(lines), encoding="utf-8")
    assert begin(*flags) == "2"


def test_a_begun_run_does_not_go_on_with_another_archive_or_other_weights(begin):
    data = small_zoo.archive(pathlib.Path("zoo.npz"))
    weights = pathlib.Path("some.weights.h5")
    weights.write_bytes(b"one")
    flags = (data, f"--weights={weights}")
    assert [begin(*flags), begin(*flags)] == ["1", "1"]
    weights.write_bytes(b"two")
    assert [begin(*flags), begin(*flags)] == ["2", "2"]
    with np.load(data) as archive:
        arrays = dict(archive)
    arrays["x_train"][0] += 1
    np.savez(data, **arrays)
    assert begin(*flags) == "3"


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    pytest.importorskip("fcntl")
    told = pytest.raises(ValueError, match="1 is being trained by another process")
    with runs.numbered(tmp_path, {}), told, runs.numbered(tmp_path, {}):
        pass
    assert begun(tmp_path, {}) == tmp_path / "1"


def history(accuracies, losses=None):
    losses = [1.0] * len(accuracies) if losses is None else losses
    return {watching.ACCURACY: accuracies, watching.LOSS: losses}


def test_the_best_epoch_and_the_end_of_patience():
    assert watching.best_epoch({}) is None
    assert watching.best_epoch(history([0.2, 0.5, 0.5, 0.4])) == 1
    assert watching.best_epoch(history([0.2, 0.5, 0.5], [1, 2, 1.5])) == 2
    assert not watching.is_over(history([0.5, 0.4, 0.4]), 3)
    assert watching.is_over(history([0.5, 0.4, 0.4, 0.4]), 3)
    assert not watching.is_over(history([0.5, 0.4, 0.4, 0.4]), 0)
    assert not watching.is_over({}, 3)


def test_durations():
    assert [watching.duration(s) for s in (8, 89, 91, 5400, 9000)] == [
        *("8 s", "89 s", "2 min", "1.5 h", "2.5 h")
    ]


def test_training_stops_early_with_the_best_weights(run, monkeypatch):
    """The second epoch is made out to be the best one of those that come."""
    scores, kept = iter([0.1, 0.9, 0.2, 0.3, 0.4, 0.5]), {}

    def judged(self, epoch, logs=None):
        logs |= {watching.ACCURACY: next(scores), watching.LOSS: 1.0}
        kept[epoch] = self.model.classifier.get_weights()

    monkeypatch.setattr(watching.HeldOut, "on_epoch_end", judged)
    small_zoo.archive(pathlib.Path("zoo.npz"))
    flags = ("--depth=8", "--batch_size=32", "--epochs=9", "--patience=2")
    code, out, _ = run("train", "zoo.npz", *flags)
    assert code == 0
    assert "no better balanced accuracy for 2 epochs: stopped" in out
    assert sorted(kept) == [0, 1, 2, 3]
    model = keras.models.load_model("keras-spa-runs/1/model.keras", compile=False)
    for found, expected in zip(model.classifier.get_weights(), kept[1], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_without_held_out_images_the_last_epoch_is_taken(run):
    small_zoo.archive(pathlib.Path("zoo.npz"), test=False)
    flags = ("--depth=8", "--epochs=1", "--held_out=0", "--batch_size=32")
    code, out, _ = run("train", "zoo.npz", *flags)
    assert code == 0
    assert "held-out" not in out.split("Aligned")[0]
    assert "Nothing was held out: which of the two models is better is unknown." in out
    measured = pathlib.Path("keras-spa-runs/1/measures.json").read_text()
    assert json.loads(measured) == {}


@pytest.mark.parametrize(
    ("before", "after", "format", "told"),
    [
        (0.5, 0.4, None, r"worse, from 50.0 % to 40.0 %: .* Use model.keras\."),
        (0.5, 0.6, None, r"to 60.0 %. Use aligned.keras\. These images also chose"),
        (0.5, 0.4, "onnx", r"Use model.keras or model.onnx\."),
        (0.5, 0.6, "saved_model", r"Use aligned.keras or aligned/\."),
    ],
)
def test_advice(before, after, format, told):
    values = ((before, "as trained"), (after, "aligned"))
    measured = {title: {"balanced_accuracy": value} for value, title in values}
    both = dict.fromkeys(measured, {})
    columns = {"validation": measured}
    arguments = argparse.Namespace(format=format)
    result = Result(arguments, None, None, both, columns, *(None,) * 3)
    assert re.search(told, result.advice)


def test_measures_are_means_over_images_or_classes():
    logits = np.log(
        [[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]
    )
    labels = np.array([0, 0, 0, 1])
    judged = Judged(logits, labels)
    found = judged.measures(np.array([200, 50, 5]))
    losses = -np.log([0.7, 0.2, 0.5, 0.8])
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert (found["many"], found["medium"]) == (pytest.approx(2 / 3), 1.0)
    assert np.isnan(found["few"])
    assert found["log_loss"] == pytest.approx(losses.mean())
    expected = (losses[:3].mean() + losses[3]) / 2
    assert found["balanced_log_loss"] == pytest.approx(expected)
    assert judged.confusions("abc") == ["1 of 3 'a' are taken for 'b'"]
