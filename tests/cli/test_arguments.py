"""Arguments are read and refused before Keras is imported, in one line."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from keras_spa_cli import read
from keras_spa_cli.arguments import parser

ROOT = pathlib.Path(__file__).parents[2]
COMMANDS = ("describe", "train", "align", "diagnose", "evaluate")
# Runs the command, then says which of the heavy modules came in.
TELLS = """
import sys
from keras_spa_cli import main
try:
    main(sys.argv[1:])
finally:
    print("imported:", {"keras", "tensorflow", "numpy", "keras_spa"} & {*sys.modules})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "model.keras").touch()
    (tmp_path / "some.txt").touch()
    return tmp_path


def refused(capsys, *arguments):
    """The line that refuses arguments, with code 2."""
    with pytest.raises(SystemExit) as told:
        read(list(arguments))
    out, err = capsys.readouterr()
    assert told.value.code == 2
    assert out == ""
    assert err.startswith("keras-spa: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_every_flag(command, capsys):
    with pytest.raises(SystemExit) as told:
        read([command, "--help"])
    text = capsys.readouterr().out
    assert told.value.code == 0
    assert "DATA" in text
    assert "--skip_corrupt" in text


def test_help_and_mistakes_come_before_keras():
    for arguments, code in ((["train", "--help"], 0), (["train", "x", "--epoch=3"], 2)):
        done = subprocess.run(
            [sys.executable, "-c", TELLS, *arguments], capture_output=True, text=True
        )
        assert done.returncode == code
        assert done.stdout.endswith("imported: set()\n")


def test_python_m_is_the_same_command():
    for arguments, returns in ((["align", "--help"], 0), (["train", "nowhere"], 2)):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "keras_spa", *arguments],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == returns
        imported = [line.rpartition("|")[2].strip() for line in done.stderr.split("\n")]
        assert "keras_spa_cli.arguments" in imported
        assert not {"keras", "numpy", "tensorflow"} & {*imported}


def test_hyphens_are_underscores(folder):
    parsed = read(["train", "data", "--held-out=0.2", "--image-size", "32"])
    assert (parsed.held_out, parsed.image_size) == (0.2, 32)
    assert (parsed.kind, parsed.output) == ("folder", pathlib.Path("keras-spa-runs"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trian"], "invalid choice: 'trian'"),
        (["train", "data", "--epoch=3"], "unrecognized arguments: --epoch=3"),
        (["train", "data", "--epochs=0"], "must be a whole number of at least 1"),
        (["train", "data", "--held_out=0.7"], "must be a number in 0..0.5, not '0.7'"),
        (["train", "data", "--learning_rate=nan"], "must be a number in 1e-09..10"),
        (["train", "data", "--seed=4294967295"], "in 0..2147483647, not '4294967295'"),
        (["align", "model.keras", "data", "--seed=-1"], "a whole number in 0..2147"),
        (["train", "data", "--method=mix"], "invalid choice: 'mix'"),
        (["train", "data", "--backbone=vgg"], "invalid backbone value: 'vgg'"),
        (["train", "nowhere"], "DATA: there is no nowhere"),
        (["train", "some.txt"], "DATA must be a folder, an .npz archive or a .csv"),
        (["train", "data", "--weights=no.h5"], "--weights must be imagenet or a file"),
        (["train", "data", "--output=some.txt"], "--output must be a folder"),
        (["align", "nowhere.keras", "data"], "MODEL: there is no nowhere.keras"),
        (["align", "some.txt", "data"], "MODEL must be a .keras file, not some.txt"),
        (["align", "model.keras", "data", "--output=a/b.keras"], "there is no folder"),
        (["align", "model.keras", "data", "--output=a.onnx"], "must end in .keras"),
        (
            ["align", "model.keras", "data", "--output=model.keras"],
            "model.keras is there already; --overwrite replaces it",
        ),
        (["describe", "data", "--picture=a.txt"], "--picture must end in .png or .svg"),
        (["diagnose", "model.keras", "data", "--json=a/b.json"], "there is no folder"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(folder, capsys, arguments, told):
    assert told in refused(capsys, *arguments)


def test_overwrite_replaces_models_and_no_other_folder(folder, capsys):
    for name in ("results", "empty", "old", "m.onnx"):
        (folder / name).mkdir()
    (folder / "results" / "thesis.txt").touch()
    (folder / "old" / "saved_model.pb").touch()
    command = ["align", "model.keras", "data", "--overwrite"]
    saved = [*command, "--format=saved_model"]
    told = refused(capsys, *saved, "--output=results")
    assert "a SavedModel or an empty folder, and results is neither" in told
    told = refused(capsys, *saved, "--output=model.keras")
    assert "--output must be a folder in this --format, not model.keras" in told
    told = refused(capsys, *command, "--format=onnx", "--output=m.onnx")
    assert "--output must be a file in this --format, not m.onnx" in told
    for name in ("empty", "old"):
        assert read([*saved, f"--output={name}"]).output == pathlib.Path(name)


def test_results_replace_results_and_nothing_else(folder, capsys):
    (folder / "mine.json").write_text('{"a": 1}')
    (folder / "list.json").write_text("[1]")
    (folder / "photo.png").write_bytes(b"\xff\xd8\xff\xe0, Matplotlib")  # a JPEG
    (folder / "folder.json").mkdir()
    (folder / "told.json").write_text(json.dumps({"accuracy_per_class": {}}))
    for name in ("mine.json", "list.json", "folder.json"):
        told = refused(capsys, "evaluate", "model.keras", "data", f"--json={name}")
        assert "--json replaces only what it wrote before or an empty file" in told
        assert f"{name} is something else; delete it or name another\n" in told
    told = refused(capsys, "describe", "data", "--picture=photo.png")
    assert "--picture replaces only a picture of that ending or an empty file" in told
    assert "photo.png is something else; delete it or name another\n" in told
    read(["diagnose", "model.keras", "data", "--json=told.json"])


def test_results_replace_empty_files_and_pictures_of_their_kind(folder):
    """As `mktemp` makes them, and as an optimiser of pictures leaves them."""
    for name in ("empty.json", "empty.png", "empty.svg"):
        (folder / name).touch()
        flag = "--json" if name.endswith("json") else "--picture"
        read(["diagnose", "model.keras", "data", f"{flag}={name}"])
    (folder / "small.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(99))
    (folder / "small.SVG").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    for name in ("small.png", "small.SVG"):
        assert read(["describe", "data", f"--picture={name}"])


def test_a_folder_without_permission_is_refused(folder, capsys, monkeypatch):
    """Root may read everything: the system is asked, not the disk."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "data: Permission denied" in refused(capsys, "describe", "data")


def test_places_that_take_no_files_are_refused_at_once(folder, capsys, monkeypatch):
    """Not when all is done."""
    monkeypatch.setattr("os.access", lambda path, mode: not mode & os.W_OK)
    told = f"no permission to write into the folder {folder.resolve()}"
    command = ("model.keras", "data")
    assert f"--output: {told}" in refused(capsys, "align", *command)
    assert f"--json: {told}" in refused(capsys, "evaluate", *command, "--json=e.json")
    assert f"--picture: {told}" in refused(
        capsys, "diagnose", *command, "--picture=d.png"
    )


def test_runs_do_not_become_a_class(folder, capsys, monkeypatch):
    """Before, what was trained amid the classes could not go on nor be judged."""
    monkeypatch.chdir(folder / "data")
    told = "--output must lie outside of DATA, where keras-spa-runs would be taken for"
    assert told in refused(capsys, "train", ".")
    assert read(["train", ".", "--output=../runs"])
    (folder / "data" / "Train").mkdir()  # which has the classes
    assert read(["train", "."])


def test_where_align_writes_to(folder):
    assert read(["align", "model.keras", "data"]).output == pathlib.Path(
        "model-aligned.keras"
    )
    onnx = read(["align", "model.keras", "data", "--format=onnx"])
    assert onnx.output.name == "model-aligned.onnx"
    flags = ("--output=model.keras", "--overwrite")
    assert read(["align", "model.keras", "data", *flags]).output.name == "model.keras"


def test_the_version(capsys):
    import keras_spa

    with pytest.raises(SystemExit):
        read(["--version"])
    assert capsys.readouterr().out == f"keras-spa {keras_spa.__version__}\n"


def test_choices_are_those_of_the_package():
    from keras_spa.cli import network, runs, train
    from keras_spa_cli.train_arguments import BACKBONES

    assert {*BACKBONES} == {*network.APPLICATIONS, "resnet_cifar"}
    flags = vars(parser().parse_args(["train", "data"])).keys()
    assert {*train.NOT_SETTINGS} - {"kind"} < flags
    assert runs.REPORT == "report.html"
