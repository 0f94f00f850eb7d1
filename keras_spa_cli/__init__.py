"""The console command `keras-spa`, up to where it needs Keras.

Arguments are read and paths are checked in a tenth of a second. The modules of
`keras_spa` cannot do that: importing any of them imports Keras, so that saved models
find their classes. What the command then does is in `keras_spa.cli`.
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Sequence

from keras_spa_cli import paths
from keras_spa_cli.arguments import Arguments, read
from keras_spa_cli.environment import set_environment
from keras_spa_cli.screen import quiet

__all__ = ["Arguments", "is_there", "main", "read", "start"]

INTERRUPTED = 128 + signal.SIGINT


def start(arguments: Sequence[str] | None = None) -> Arguments:
    """The arguments, read and checked, and an environment to import Keras in.

    Ends the process with `--help`, and with code 2 and one line if they are wrong;
    else Keras is imported, without a word.
    """
    parsed = read(arguments)
    set_environment(log_level="3")  # errors of start-up are not for users
    if "KERAS_BACKEND" not in os.environ and not is_there("tensorflow"):
        for backend in ("jax", "torch"):
            if is_there(backend):
                os.environ["KERAS_BACKEND"] = backend
                break
    if parsed.debug:
        return parsed
    try:
        with quiet():
            importlib.import_module("keras")
    except ImportError as error:
        print(f"keras-spa: {paths.one_line(error)}", file=sys.stderr)
        sys.exit(2)
    return parsed


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line says; returns the exit code."""
    parsed = start(arguments)
    try:
        from keras_spa.cli.run import run  # takes seconds

        return run(parsed)
    except KeyboardInterrupt:
        if parsed.debug:
            raise
        print("keras-spa: stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED


def is_there(module: str) -> bool:
    """Whether a module can be imported, without doing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # set to None in sys.modules
        return False
