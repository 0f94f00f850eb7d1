"""What may stand on the command line."""

import argparse
import pathlib
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from keras_spa_cli import paths
from keras_spa_cli.train_arguments import add_train
from keras_spa_cli.types import integer, seed, share

Arguments = argparse.Namespace
FORMATS = ("keras", "saved_model", "onnx", "litert")
DATA = """a folder with train/ and, if there are any, val/ and test/, each with a
folder a class, or with the folders of the classes straight away; an .npz archive with
x_train, y_train and, if there are any, x_val, y_val, x_test, y_test, class_names; or a
.csv table with a header `path,label` or `path,label,split`"""
ABOUT = """Train, align and judge classifiers of images whose classes are many here and
few there."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"keras-spa: {message} (see {self.prog} --help)\n")


class Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        source = pathlib.Path(__file__).parents[1] / "keras_spa" / "__init__.py"
        version = re.search('^__version__ = "(.+)"$', source.read_text(), re.MULTILINE)
        print("keras-spa", version.group(1) if version else "of an unknown version")
        parser.exit(0)


def read(arguments: Sequence[str] | None = None) -> Arguments:
    """The arguments, by default those of the process.

    `kind` and `data` say what DATA is. Ends the process if anything is wrong.
    """
    given = [_underscored(word) for word in arguments or sys.argv[1:]]
    root = parser()
    parsed = root.parse_args(given)
    try:
        paths.check(parsed)
    except (ValueError, OSError) as error:
        root.exit(2, f"keras-spa: {paths.one_line(error)}\n")
    return parsed


def _underscored(word: str) -> str:
    """`--held-out=0.1` as `--held_out=0.1`."""
    if not word.startswith("--"):
        return word
    name, equals, value = word[2:].partition("=")
    return "--" + name.replace("-", "_") + equals + value


def parser() -> Parser:
    root = Parser("keras-spa", description=ABOUT, allow_abbrev=False)
    root.add_argument("--version", action=Version, nargs=0, help="print it and stop")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, about: str) -> Callable[..., Any]:
        one = commands.add_parser(
            name, description=about, help=about, allow_abbrev=False
        )
        return one.add_argument

    _describe(command("describe", "show how long the tail of DATA is"))
    add = command("train", "train a classifier on DATA, align it, report on both")
    add("data", metavar="DATA", help=DATA)
    add_train(add)
    _common(add)
    _align(command("align", "align the classifier of a trained MODEL"))
    _diagnose(command("diagnose", "say how well a MODEL's classifier is aligned"))
    _evaluate(command("evaluate", "say how well a MODEL recognises DATA"))
    return root


def _describe(add: Callable[..., Any]) -> None:
    add("data", metavar="DATA", help=DATA)
    add("--picture", metavar="FILE", help="draw it, too, as .png or .svg")
    add("--log", action="store_true", help="a logarithmic axis in the picture")
    _common(add)


def _align(add: Callable[..., Any]) -> None:
    _model_and_data(add)
    add("--output", metavar="FILE", help="where to; default: MODEL-aligned.keras here")
    add("--format", choices=FORMATS, default="keras", help="default: keras")
    add("--overwrite", action="store_true", help="replace what is there")
    _common(add)


def _diagnose(add: Callable[..., Any]) -> None:
    _model_and_data(add)
    _split(add, "train, as neural collapse is meant")
    add("--picture", metavar="FILE", help="draw it, too, as .png or .svg")
    add("--json", metavar="FILE", help="write all numbers")
    _common(add)


def _evaluate(add: Callable[..., Any]) -> None:
    _model_and_data(add)
    _split(add, "test if there is one, else validation, else train")
    add("--json", metavar="FILE", help="write all numbers")
    _common(add)


def _split(add: Callable[..., Any], default: str) -> None:
    splits = ("train", "validation", "test")
    add("--split", choices=splits, help=f"which images; default: {default}")


def _model_and_data(add: Callable[..., Any]) -> None:
    add("model", metavar="MODEL", help="a .keras file")
    add("data", metavar="DATA", help=DATA)
    about = "images at a time; default: 64"
    add("--batch_size", type=integer(1), default=64, metavar="N", help=about)
    about = (
        "what numbers the model takes a pixel for; default: what its card says, else"
    )
    about += " 0..255"
    add("--pixels", choices=("0..255", "0..1", "-1..1"), help=about)
    about = "share of the training images the model was not trained on, as `train` has"
    about += " it; default: 0"
    add("--held_out", type=share, default=0.0, metavar="SHARE", help=about)
    about = "of the draw of the held-out images; default: 0"
    add("--seed", type=seed, default=0, metavar="N", help=about)


def _common(add: Callable[..., Any]) -> None:
    about = "leave damaged image files out instead of stopping"
    add("--skip_corrupt", action="store_true", help=about)
    add("--debug", action="store_true", help="show where an error comes from")
